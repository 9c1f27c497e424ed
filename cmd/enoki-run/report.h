/*
 * report.h - what a node tells of its functions: names, JSON, Prometheus' text, logs.
 *
 * Each appends to out: ENOKI_ENOMEM, ENOKI_ELIMIT. Threads: loop thread.
 */
#ifndef REPORT_H
#define REPORT_H

#include "node.h"

ENOKI_MUST_CHECK int report_list(const struct node *node, struct en_buffer *out);
ENOKI_MUST_CHECK int report_functions(const struct node *node, struct en_buffer *out);
ENOKI_MUST_CHECK int report_function(const struct function *function, struct en_buffer *out);
/* Every function is. */
bool report_is_ready(const struct node *node);

#endif
