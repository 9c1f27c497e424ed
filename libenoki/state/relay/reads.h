/*
 * reads.h - reads of one connection that came together, run at the same time.
 *
 * A user that asks for several items at once and then waits for all should wait for the slowest of
 * them, not for their sum, where each takes a round trip. Writes are no part of this: who sends two
 * of them without waiting means them in that order.
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_RELAY_READS_H
#define EN_RELAY_READS_H

#include "base/buffer.h"
#include "wire/frame.h"

#include <enoki/state.h>

#include <pthread.h>
#include <stdbool.h>

struct en_relay_read;

struct en_relay_reads {
    int ready; /* readable while some wait for a thread */
    pthread_mutex_t lock;
    struct en_relay_read *first; /* that wait */
};

/* ENOKI_EIO; fini is allowed afterwards. */
ENOKI_MUST_CHECK int en_relay_reads_init(struct en_relay_reads *reads);
void en_relay_reads_fini(struct en_relay_reads *reads);

/* How many whole reads stand at the beginning of the bytes, up to as many as are run together, and
 * how long they are. */
size_t en_relay_reads_count(const char *bytes, size_t len, size_t *len_out);

/* Runs and answers so many of them, on this thread and those that help. ENOKI_ENOMEM, ENOKI_EPROTO,
 * ENOKI_ECLOSED: the connection is of no use any more */
ENOKI_MUST_CHECK int en_relay_reads_run(struct en_relay_reads *reads, struct enoki_state *state,
                                        int fd, const char *bytes, size_t count);

/* Runs one that waits, if any; for a thread that ready has woken. */
void en_relay_reads_help(struct en_relay_reads *reads, struct enoki_state *state);

/* --- also of calls that come alone --- */

/* en_relay_run(); an answer that does not fit is an error of the call, not the connection's end. */
ENOKI_MUST_CHECK int en_relay_answer(struct enoki_state *state, const struct en_frame_head *head,
                                     const void *payload, struct en_buffer *out);
/* Writes and empties it. False: the other side is gone, or does not read. */
ENOKI_MUST_CHECK bool en_relay_write(int fd, struct en_buffer *out);

#endif
