/*
 * explain.h - complete settings as plain lines, for --check.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_EXPLAIN_H
#define EN_EXPLAIN_H

#include "base/buffer.h"

#include <enoki/config.h>

/* Appends one line per setting; those that have their default say so. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_explain_settings(const struct enoki_node_settings *node,
                                         struct en_buffer *out);

#endif
