/*
 * remotes.h - where functions of other nodes are: "NAME=URL", in files and on the command line.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_REMOTES_H
#define EN_REMOTES_H

#include "config/keys.h"
#include "config/source.h"

#include <enoki/config.h>

/* NULL if the text is good, and *out, in the arena; else what is allowed, as the end of a message,
 * or en_remote_no_memory. */
extern const char en_remote_no_memory[];
const char *en_remote_parse(struct en_arena *arena, const char *text, struct enoki_variable *out);

/* What a file says of them becomes settings. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_remotes_settle(const struct en_source *source,
                                       const struct en_file_node *file,
                                       struct enoki_node_settings *node);

#endif
