/*
 * spool.h - records with numbers that survive any crash: accepted asynchronous calls, each until it
 * has run. In LMDB, whose pages are never changed in place: a commit that was torn has not
 * happened. A thread of its own commits, all that has come together with one fsync.
 *
 *   spool_put(...)       told once it is on disk: only then is the call accepted
 *   spool_mark(...)      it is tried: so often now
 *   spool_drop(...)      it has run
 *   spool_next(...)      in the order of the numbers: what is left of the last time
 *
 * A mark or drop that was not committed before a crash is forgotten: a call may run once more.
 *
 * Threads  loop thread.    Fork  none.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "base/buffer.h"
#include "base/log.h"
#include "net/loop.h"

struct spool;

struct spool_options {
    const char *path; /* a folder; made if it is not there */
    uint64_t max_bytes;
    struct en_loop *loop;
    const struct en_log *log; /* borrowed */
};

/* What cannot be read as a whole is put aside, which the log says. ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int spool_new(struct spool **out, const struct spool_options *options,
                               struct enoki_error *err);
/* Commits what is left; who waits for it is told. NULL is allowed. */
void spool_free(struct spool *spool);

/* rc: 0, or why it is not stored: ENOKI_ELIMIT, ENOKI_EIO. */
typedef void (*spool_stored_fn)(void *context, uint64_t number, int rc);
/* The bytes are consumed on success. ENOKI_ELIMIT: max_bytes are there. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int spool_put(struct spool *spool, struct en_buffer *bytes, spool_stored_fn stored,
                               void *context);
void spool_mark(struct spool *spool, uint64_t number, uint32_t attempts);
void spool_drop(struct spool *spool, uint64_t number);

/* The first record above a number that was there at the start, copied to bytes, which is cleared.
 * 1; 0: there is none. ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int spool_next(struct spool *spool, uint64_t above, uint64_t *number_out,
                                uint32_t *attempts_out, struct en_buffer *bytes);

/* Records, and their bytes. */
uint64_t spool_count(const struct spool *spool);
uint64_t spool_bytes(const struct spool *spool);

#endif
