/*
 * invocation.h - the inside of struct enoki_invocation: a request, who waits for it, and until
 * when.
 *
 * Memory   A synchronous invocation borrows its request from the connection that waits; an
 *          asynchronous one owns a copy, in the same block as itself.
 * Threads  as enoki/invocation.h.
 */
#ifndef EN_INVOCATION_H
#define EN_INVOCATION_H

#include "invoke/request.h"

#include <enoki/invocation.h>

struct enoki_server;
struct enoki_connection;

struct enoki_invocation {
    uint64_t id;
    uint64_t deadline_ms;
    const char *function; /* borrowed from the settings */
    struct en_request request;
    struct en_text subpath; /* a view into request.path */
    struct enoki_server *server;
    struct enoki_connection *connection; /* who waits; NULL: nobody (asynchronous) */
    struct enoki_invocation *next;       /* for the queue of whoever holds it */
    uint64_t started_ms;                 /* for whoever holds it; 0: not started */
};

/* Borrows the request from the connection. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_invocation_new(struct enoki_invocation **out, struct enoki_server *server,
                                       struct enoki_connection *connection,
                                       const struct en_request *request, struct en_text subpath,
                                       uint64_t now_ms);

/* Copies the request; nobody waits. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_invocation_copy(struct enoki_invocation **out, struct enoki_server *server,
                                        const struct en_request *request, struct en_text subpath,
                                        uint64_t now_ms);

/* Answers and consumes it; reply is borrowed for the call. Any thread. */
void en_invocation_finish(struct enoki_invocation *invocation, const struct en_reply *reply);

/* The same with a plain text. */
void en_invocation_fail(struct enoki_invocation *invocation, int status, const char *text);

/* First in, first out; one thread at a time. */
struct en_invocation_queue {
    struct enoki_invocation *first;
    struct enoki_invocation *last;
    size_t count;
};

void en_invocation_queue_push(struct en_invocation_queue *queue, struct enoki_invocation *inv);
/* NULL if it is empty. */
struct enoki_invocation *en_invocation_queue_pop(struct en_invocation_queue *queue);

#endif
