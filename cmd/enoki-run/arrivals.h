/*
 * arrivals.h - calls that come by a listener module (invoke/listener.h), as calls of the node.
 *
 * Threads  loop thread; the module has its own, which hands calls over.
 */
#ifndef ARRIVALS_H
#define ARRIVALS_H

#include "node.h"

struct arrivals;

/* Starts every listener that the settings ask for: *out, which is NULL before, is their list;
 * after a failure there is none. ENOKI_EIO, ENOKI_EINVAL, ENOKI_ETLS, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int arrivals_start(struct arrivals **out, struct node *node,
                                    const struct en_site *site, struct enoki_error *err);
/* "coap://ADDRESS:PORT"; NULL behind the last. */
const char *arrivals_url(const struct arrivals *arrivals, size_t index);
/* New calls are refused. NULL is allowed, as below. */
void arrivals_drain(struct arrivals *arrivals);
void arrivals_stop(struct arrivals *arrivals);

#endif
