/*
 * metrics.h - what a node has done, as Prometheus reads it (text format 0.0.4).
 *
 * Threads  loop thread.
 */
#ifndef METRICS_H
#define METRICS_H

#include "node.h"

struct metrics_uploads {
    uint64_t ok, failed;
};

/* Appends all of it. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int metrics_write(const struct node *node, const struct metrics_uploads *uploads,
                                   struct en_buffer *out);

#endif
