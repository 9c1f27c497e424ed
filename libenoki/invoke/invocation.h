/*
 * invocation.h - the inside of struct enoki_invocation: a request, who waits for it, and until
 * when.
 *
 * Memory   An invocation borrows its request from who waits, or owns a copy, in the same block as
 *          itself.
 * Threads  as enoki/invocation.h.
 */
#ifndef EN_INVOCATION_H
#define EN_INVOCATION_H

#include "invoke/request.h"

#include <enoki/invocation.h>

struct enoki_server;

struct en_streamed;

/* Who gets an answer that is sent as it comes is gone: the handle is freed. Loop thread. */
typedef void (*en_gone_fn)(void *context);

/* Who waits for a call's answer. */
struct en_waiter {
    /* Loop thread, once. reply is borrowed for the call; NULL: it was sent to where lend() said. */
    void (*answer)(struct en_waiter *waiter, const struct en_reply *reply);
    /* Optional. Loop thread: the connection that whoever runs the call may answer on (direct.h),
     * the waiter's, and the call's number there; -1: not now. */
    int (*lend)(struct en_waiter *waiter, uint64_t *call_out);
    /* Instead of answer; NULL: this waiter takes whole answers only. */
    int (*stream)(struct en_waiter *waiter, const struct en_reply *head, en_gone_fn gone,
                  void *context, struct en_streamed **out);
};

/* What a request calls: a function, and for how long. */
struct en_target {
    struct en_text subpath; /* a view into the request's path */
    const char *function;   /* borrowed until the call is finished */
    const char *protocol;   /* "http", "coap", ...; constant; NULL: not known */
    uint64_t timeout_ms;
    void *data; /* of whoever made the target */
    /* Asynchronous: who waits is answered once the call is accepted. Only a site that says so
     * (server.h) gets such a call. */
    bool wants_ack;
    uint64_t stored; /* as in the invocation */
    uint32_t attempts;
};

struct enoki_invocation {
    uint64_t id;
    uint64_t deadline_ms;
    const char *function; /* borrowed from the target */
    const char *protocol; /* of the target */
    int client_fd;        /* of who waits; 0: not known */
    struct en_request request;
    struct en_text subpath; /* a view into request.path */
    struct enoki_server *server;
    struct en_waiter *waiter; /* NULL: nobody waits (asynchronous) */
    bool is_borrowed;         /* the request goes away with the answer */
    int lent;                 /* what lend() said, a duplicate; -1: nothing */
    uint64_t lent_call;
    struct enoki_invocation *next; /* for the queue of whoever holds it */
    uint64_t started_ms;           /* for whoever holds it; 0: not started */
    uint64_t arrived_us;           /* for a front door, as attempts */
    uint32_t attempts;
    uint64_t stored; /* a number of the front door's, of a call that it keeps on disk */
    bool wants_ack;  /* of the target, as data */
    void *data;
};

/* Borrows the request from who waits. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_invocation_new(struct enoki_invocation **out, struct enoki_server *server,
                                       struct en_waiter *waiter, const struct en_request *request,
                                       const struct en_target *target, uint64_t now_ms);

/* Copies the request, whose texts need not end in a NUL here. waiter NULL: nobody waits.
 * ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_invocation_copy(struct enoki_invocation **out, struct enoki_server *server,
                                        struct en_waiter *waiter, const struct en_request *request,
                                        const struct en_target *target, uint64_t now_ms);

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
void en_invocation_queue_push_front(struct en_invocation_queue *queue,
                                    struct enoki_invocation *inv);
/* NULL if it is empty. */
struct enoki_invocation *en_invocation_queue_pop(struct en_invocation_queue *queue);

#endif
