/*
 * client.h - one client connection as server, dispatcher and worker share it: the public
 * struct enoki_connection.
 *
 *   accept:   en_client_new(), en_server_add_connection(), dispatcher->take_connection()
 *   serve:    enoki_worker_serve() owns it during the call
 *   end:      en_server_remove_connection(), then en_client_free(), which closes the socket
 *
 * The loop thread never touches http of a connection that a worker serves. To end a wait it shuts
 * the socket down under the lock of its list, which makes the socket ready, and the thread that
 * gets the event looks at deadline and draining itself. What had arrived before is still answered.
 *
 * Threads  data, http: who owns the connection. The atomics: any thread.
 * Fork     belongs to one process.
 */
#ifndef EN_CLIENT_H
#define EN_CLIENT_H

#include "invoke/connection.h"
#include "invoke/invocation.h"
#include "invoke/route.h"

#include <enoki/runtime.h>

#include <stdatomic.h>

struct en_reader;
struct en_site;

struct enoki_connection {
    struct en_connection *http;
    struct enoki_server *server;
    const struct en_site *site; /* of the listener that it came by */
    struct en_waiter waiter;    /* the server's, for its calls */
    void *data;                 /* the dispatcher's */
    struct en_reader *reader;   /* the server's, while it reads the connection itself */

    /* en_connection_deadline() while the connection waits for its socket; UINT64_MAX while somebody
     * owns it. */
    _Atomic uint64_t deadline_ms;
    _Atomic bool waits_write; /* it waits for its socket to become writable */
    _Atomic bool is_idle;     /* it waits between two requests; set before draining is looked at */

    /* The server's list, under the server's lock. */
    struct enoki_connection *previous;
    struct enoki_connection *next;
};

/* fd and transport (NULL: none) are consumed on success, else the caller's. Registers nothing.
 * ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_client_new(struct enoki_connection **out, struct enoki_server *server,
                                   const struct en_site *site, int fd,
                                   struct en_transport *transport, uint64_t now_ms);
/* Closes the socket. It was removed from the server's list. NULL is allowed. */
void en_client_free(struct enoki_connection *client);

/* Makes the socket ready for good: end of input, and of output too if it waits for writing. Under
 * the lock of the server's list, so that the socket is not closed meanwhile. */
void en_client_kick(struct enoki_connection *client);

/* An answer of our own: what the route says if refused is 0, else 503 to a call that was not taken,
 * asking to come back in a second; refused is why, as en_server_submit_async() says it. */
void en_client_answer(enum en_route route, int refused, struct en_reply *reply);

#endif
