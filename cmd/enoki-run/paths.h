/*
 * paths.h - paths of settings, as they mean the same in any working directory.
 *
 * Memory   in the arena, or the text itself.    Threads  one thread at a time.
 */
#ifndef PATHS_H
#define PATHS_H

#include "config/arena.h"

/* NULL stays NULL; else NULL: no memory. */
const char *path_absolute(struct en_arena *arena, const char *path);
/* Of the folders in the URI of a state. NULL: no memory. */
const char *path_absolute_uri(struct en_arena *arena, const char *uri);

#endif
