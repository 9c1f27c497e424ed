/*
 * watch.h - functions from one look to the next: what happened per second in between.
 *
 * Memory   what watch_at() gives is borrowed until the next look.    Threads  one.
 */
#ifndef WATCH_H
#define WATCH_H

#include "functions.h"

struct watch;

struct rates {
    double calls, errors; /* per second; 0 at the first look */
    double mean_ms;       /* of those calls */
};

/* client is borrowed. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int watch_new(struct watch **out, struct client *client, struct enoki_error *err);
void watch_free(struct watch *watch);

/* Asks the node; a failure leaves what was there. */
ENOKI_MUST_CHECK int watch_look(struct watch *watch, struct enoki_error *err);

size_t watch_count(const struct watch *watch);
void watch_at(const struct watch *watch, size_t index, struct function_info *function,
              struct rates *rates);

#endif
