/*
 * arena.h - small memory that is released together: the strings and lists of one configuration.
 *
 * Memory   What it hands out is borrowed until en_arena_fini(). An arena of zeroes is empty.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_ARENA_H
#define EN_ARENA_H

#include <enoki/base.h>

struct en_arena {
    struct en_arena_block *newest;
};

/* count times size bytes of zeroes; NULL without memory, or if the product overflows. */
void *en_arena_get(struct en_arena *arena, size_t count, size_t size);

/* Formatted text; NULL without memory. */
char *en_arena_textf(struct en_arena *arena, const char *format, ...) ENOKI_PRINTF(2, 3);

void en_arena_fini(struct en_arena *arena);

#endif
