/*
 * routes.h - calls between functions, as the front door sees them: it brings a caller's connection
 * to a runtime of the function that is called, and takes the calls itself where there is none to
 * bring it to (proto/frame.md).
 *
 * Threads  loop thread.    Fork  none.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "function.h"

struct routes;     /* the node's */
struct route_door; /* an instance's */

/* ENOKI_ENOMEM, ENOKI_EIO */
ENOKI_MUST_CHECK int routes_new(struct routes **out, struct node *node);
/* NULL is allowed, as below. */
void routes_free(struct routes *routes);
/* Connections that come from now on are refused: the functions are about to be stopped. */
void routes_close(struct routes *routes);

/* asks and peers are this side's ends of an instance's ENOKI_ROUTES_FD and ENOKI_PEERS_FD; both are
 * consumed, also on failure. ENOKI_ENOMEM, ENOKI_EIO */
ENOKI_MUST_CHECK int route_door_new(struct route_door **out, struct routes *routes, int asks,
                                    int peers);
void route_door_free(struct route_door *door);

#endif
