/*
 * relay.h - state calls over a Unix socket to the process that owns the real backend: a runtime's
 * parent serves, its workers call. The bytes are proto/frame.md's.
 *
 * A worker's way in is a door, one SOCK_SEQPACKET socket that all workers of a function inherit: on
 * first use a worker makes a stream socket pair and sends one end through it. So each worker has a
 * connection of its own, nobody outside can get one, and a worker without state costs nothing. The
 * parent binds the keygroup and the session to the door; no message names them.
 *
 * A call costs two wake-ups: a thread of the parent's takes it from the worker's socket and answers
 * there; threads are as many as calls wait for the backend at the same time.
 *
 * Threads  any thread.
 * Fork     the door before it; start in the parent, en_relay_backend in the workers after it.
 */
#ifndef EN_RELAY_H
#define EN_RELAY_H

#include "state/backend.h"

struct en_relay;

/* ends[0] is the parent's, ends[1] the workers'. Both close on exec. ENOKI_EIO */
ENOKI_MUST_CHECK int en_relay_door(int ends[2], struct enoki_error *err);

struct en_relay_options {
    int door; /* the parent's end; the caller's, open until en_relay_stop() */
    /* Opens a handle on what is served: one per thread. */
    int (*open)(void *context, struct enoki_state **out, struct enoki_error *err);
    void *context;
    uint32_t threads_max;    /* 0: 64 */
    struct en_notify notify; /* of connections that speak nonsense */
};

/* Opens the first handle, and serves in threads of its own. What open returns, ENOKI_ENOMEM,
 * ENOKI_EIO */
ENOKI_MUST_CHECK int en_relay_start(struct en_relay **out, const struct en_relay_options *options,
                                    struct enoki_error *err);
/* Calls that run are finished; no other is answered any more. NULL is allowed. */
void en_relay_stop(struct en_relay *relay);

/* "relay:FD": FD is the workers' end of a door, or a connected stream socket. */
extern const struct en_backend en_relay_backend;

#endif
