/*
 * fixed.h - what of a node's file only counts when it starts: a reload changes functions and
 * remotes, and tells what else has changed.
 *
 * Threads  any thread.
 */
#ifndef FIXED_H
#define FIXED_H

#include "base/buffer.h"

#include <enoki/config.h>

/* Appends "listen.http, log.access": the keys whose values differ. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int fixed_changes(const struct enoki_node_settings *started,
                                   const struct enoki_node_settings *now, struct en_buffer *out);

#endif
