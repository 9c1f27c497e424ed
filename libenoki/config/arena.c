#include "config/arena.h"

#include "base/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct en_arena_block {
    struct en_arena_block *next;
    max_align_t bytes[];
};

void *en_arena_get(struct en_arena *arena, size_t count, size_t size)
{
    struct en_arena_block *block;
    size_t bytes;

    if (!en_mul_size(count, size, &bytes) || !en_add_size(bytes, sizeof(*block), &bytes))
        return NULL;
    block = calloc(1, bytes);
    if (block == NULL)
        return NULL;
    block->next = arena->newest;
    arena->newest = block;
    return block->bytes;
}

char *en_arena_textf(struct en_arena *arena, const char *format, ...)
{
    va_list args, again;
    char *text = NULL;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len >= 0)
        text = en_arena_get(arena, (size_t)len + 1, 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void en_arena_fini(struct en_arena *arena)
{
    while (arena->newest != NULL) {
        struct en_arena_block *block = arena->newest;

        arena->newest = block->next;
        free(block);
    }
}
