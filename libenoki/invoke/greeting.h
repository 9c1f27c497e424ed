/*
 * greeting.h - what a process that runs a function is told at its start (proto/frame.md, START).
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_GREETING_H
#define EN_GREETING_H

#include "base/buffer.h"

#include <enoki/config.h>

/* Appends a whole START, or nothing. worker may be "". ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_greeting_put_start(struct en_buffer *out,
                                           const struct enoki_function_settings *function,
                                           const char *worker, const char *folder);

#endif
