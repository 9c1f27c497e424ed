/*
 * server.h - the loop thread of a runtime: accepts, keeps the registry of connections, reads those
 * that no dispatcher takes, enforces idle and request timeouts, drains.
 *
 * Threads  the loop thread, but for what says "any thread".
 * Fork     after: a server belongs to the process that made it.
 */
#ifndef EN_SERVER_H
#define EN_SERVER_H

#include "base/log.h"
#include "invoke/client.h"
#include "invoke/invocation.h"
#include "invoke/runtime.h"
#include "net/loop.h"

#include <enoki/runtime.h>

struct en_server_options {
    const struct enoki_runtime *runtime;
    const struct enoki_dispatcher *dispatcher;
    void *dispatcher_self; /* what prepare made, or NULL */
    const int *listeners;  /* listening sockets, non-blocking; borrowed, the server closes none */
    size_t listener_count;
    void (*ready)(void *context);  /* called once the dispatcher has started */
    void (*retire)(void *context); /* called once the server leaves before SIGTERM */
    void *context;
};

/* Runs until it has drained after SIGTERM or SIGINT. Returns 0; ENOKI_ETIMEOUT if calls were given
 * up at the drain limit; another code if it could not start. */
ENOKI_MUST_CHECK int en_server_run(const struct en_server_options *options,
                                   struct enoki_error *err);

struct en_loop *en_server_loop(struct enoki_server *server);
const struct en_log *en_server_log(const struct enoki_server *server);

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

/* For en_invocation_finish: the answer of a call; consumes it. Any thread. */
void en_server_finish(struct enoki_server *server, struct enoki_invocation *invocation,
                      const struct en_reply *reply);

#endif
