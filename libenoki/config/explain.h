/*
 * explain.h - complete settings as plain lines, for --check.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_EXPLAIN_H
#define EN_EXPLAIN_H

#include "base/buffer.h"

#include <enoki/config.h>

enum en_explained {
    EN_EXPLAIN_NODE,     /* a whole file, by its keys */
    EN_EXPLAIN_FUNCTION, /* what counts for a function that runs alone; limits by their options */
};

/* Appends one line per setting; those that have their default say so. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_explain_settings(const struct enoki_node_settings *node,
                                         enum en_explained what, struct en_buffer *out);

#endif
