/*
 * service.h - tells systemd how the node is: READY, RELOADING, STOPPING, a status line, and signs
 * of life if it asks for them. Without $NOTIFY_SOCKET nothing is done.
 *
 * The protocol is one datagram of lines, so libsystemd, and the libraries that it brings along,
 * are not needed for it.
 *
 * Threads  loop thread.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "node.h"

struct service;

/* Takes the variables out of the environment: runtimes have no part in it. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int service_new(struct service **out, struct node *node, struct enoki_error *err);
/* NULL is allowed, as below. */
void service_free(struct service *service);

/* It listens; also the end of a reload. */
void service_ready(struct service *service);
void service_reloading(struct service *service);
void service_stopping(struct service *service);

#endif
