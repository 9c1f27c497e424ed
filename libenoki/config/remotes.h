/*
 * remotes.h - where functions of other nodes are: "NAME=URL", in files and on the command line.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_REMOTES_H
#define EN_REMOTES_H

#include "config/arena.h"

#include <enoki/config.h>

/* NULL if the text is good, and *out, in the arena; else what is allowed, as the end of a message,
 * or en_remote_no_memory. */
extern const char en_remote_no_memory[];
const char *en_remote_parse(struct en_arena *arena, const char *text, struct enoki_variable *out);

#endif
