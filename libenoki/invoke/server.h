/*
 * server.h - the loop thread of a runtime: accepts, keeps the registry of connections, reads those
 * that no dispatcher takes, those over TLS among them, enforces idle and request timeouts, drains.
 *
 * Threads  the loop thread, but for what says "any thread".
 * Fork     after: a server belongs to the process that made it.
 */
#ifndef EN_SERVER_H
#define EN_SERVER_H

#include "base/log.h"
#include "invoke/client.h"
#include "invoke/door.h"
#include "invoke/invocation.h"
#include "invoke/route.h"
#include "invoke/runtime.h"
#include "invoke/secure.h"
#include "net/loop.h"

#include <enoki/runtime.h>

/* The longest body of a reply that a site gives at once. */
#define EN_SITE_REPLY_MAX_BYTES (4u << 20)

/* What the requests of a listener mean, and who runs them. Loop thread. */
struct en_site {
    const struct enoki_limits *limits; /* of its connections; NULL: the server's */
    /* As en_route_find(); for a call, and an asynchronous one, *target is filled in: it is all
     * zeroes. A site that acknowledges asynchronous calls itself says that they are calls, and
     * sets wants_ack. */
    enum en_route (*find)(void *context, const struct en_request *request,
                          struct en_target *target);
    /* Consumes the call. */
    void (*submit)(void *context, struct enoki_invocation *invocation);
    void *context;
    /* Optional: the site that serves a connection which was accepted for this one: another one,
     * whose find() and submit() refuse, if its other end may not use it. */
    const struct en_site *(*admit)(void *context, int fd);
    /* Optional: calls without a route, and /health. NULL: en_route_answer(). */
    void (*answer)(void *context, enum en_route route, const struct en_request *request,
                   struct en_reply *reply);
};

struct en_server_listener {
    int fd; /* listening, non-blocking; borrowed, the server closes it when it drains */
    const struct en_site *site; /* NULL: the runtime's function */
    struct en_secure *secure;   /* NULL: no TLS; borrowed */
};

struct en_server_options {
    const struct enoki_runtime *runtime; /* NULL: every listener has a site */
    const struct enoki_dispatcher *dispatcher;
    void *dispatcher_self;                      /* what prepare made, or NULL */
    const struct enoki_limits *limits;          /* of connections; borrowed */
    const struct en_log *log;                   /* borrowed */
    bool log_access;                            /* a line for each call that is finished here */
    uint64_t capacity;                          /* calls that may wait or run at once */
    size_t max_input_bytes; /* of requests that all connections have, but small ones; 0: as much as
                               each may. Only if the loop thread alone reads them. */
    const struct en_server_listener *listeners; /* borrowed */
    size_t listener_count;
    struct en_door door;           /* fds -1: none; consumed */
    void (*ready)(void *context);  /* called once the dispatcher has started */
    void (*retire)(void *context); /* called once the server leaves before SIGTERM */
    void *context;
};

/* Runs until it has drained after SIGTERM or SIGINT. Returns 0; ENOKI_ETIMEOUT if calls were given
 * up at the drain limit; another code if it could not start. */
ENOKI_MUST_CHECK int en_server_run(const struct en_server_options *options,
                                   struct enoki_error *err);

/* The drain may be over: look. Any thread. */
void en_server_check(struct enoki_server *server);

/* Begins the drain as SIGTERM does. Loop thread. */
void en_server_drain(struct enoki_server *server);

struct en_loop *en_server_loop(struct enoki_server *server);
const struct en_log *en_server_log(const struct enoki_server *server);
const struct enoki_limits *en_server_limits(const struct enoki_server *server);
/* NULL: there is none. */
struct en_input_budget *en_server_input_budget(struct enoki_server *server);

/* The registry: every open connection is in it exactly once. Any thread. */
void en_server_add_connection(struct enoki_server *server, struct enoki_connection *connection);
/* Before its socket is closed. */
void en_server_remove_connection(struct enoki_server *server, struct enoki_connection *connection);
size_t en_server_connection_count(struct enoki_server *server);

/* A call-id that no other call of this node has. Any thread. */
uint64_t en_server_next_id(struct enoki_server *server);

/* Queues an asynchronous call: copies the request and hands it to the dispatcher. Any thread.
 * ENOKI_ELIMIT (max_queue calls are waiting), ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_server_submit_async(struct enoki_server *server,
                                            const struct en_request *request,
                                            struct en_text subpath);

/* The same for a call that was counted and answered 202 already: there is no limit. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_server_submit_accepted(struct enoki_server *server,
                                               const struct en_request *request,
                                               struct en_text subpath);

/* A call that arrived by other ways than a connection of the server's; the request is copied, and
 * its texts need not end in a NUL. waiter NULL: nobody waits. Loop thread. ENOKI_ELIMIT (no room),
 * ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_server_submit(struct enoki_server *server, const struct en_site *site,
                                      struct en_waiter *waiter, const struct en_request *request,
                                      const struct en_target *target);

/* The site of the runtime's function. */
const struct en_site *en_server_own_site(const struct enoki_server *server);

/* For en_invocation_stream: the call is over, its answer is under way; frees it. Loop thread. */
void en_server_release(struct enoki_server *server, struct enoki_invocation *invocation);

/* For en_invocation_finish: the answer of a call; consumes it. Any thread. */
void en_server_finish(struct enoki_server *server, struct enoki_invocation *invocation,
                      const struct en_reply *reply);

#endif
