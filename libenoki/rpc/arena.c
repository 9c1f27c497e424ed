#include "rpc/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

/* The smallest item there is takes 17 bytes on the wire and 300 here. */
#define BUDGET_FACTOR 32u
#define BUDGET_MIN_BYTES 65536u
#define BUDGET_MAX_BYTES (512u << 20)
#define CHUNK_MAX_BYTES (1u << 20)

struct en_rpc_chunk {
    struct en_rpc_chunk *older;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static void *take(void *context, size_t size)
{
    return en_rpc_arena_take(context, size);
}

static void keep(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

void en_rpc_arena_init(struct en_rpc_arena *arena, size_t answer_len)
{
    size_t budget = BUDGET_MAX_BYTES;

    if (answer_len < (BUDGET_MAX_BYTES - BUDGET_MIN_BYTES) / BUDGET_FACTOR)
        budget = BUDGET_MIN_BYTES + answer_len * BUDGET_FACTOR;
    *arena = (struct en_rpc_arena){
        .allocator = {take, keep, arena},
        /* One short item fits in with its structs. */
        .next_bytes = answer_len < CHUNK_MAX_BYTES ? answer_len + 1024 : CHUNK_MAX_BYTES,
        .budget = budget,
    };
}

void en_rpc_arena_fini(struct en_rpc_arena *arena)
{
    while (arena->chunks != NULL) {
        struct en_rpc_chunk *older = arena->chunks->older;

        free(arena->chunks);
        arena->chunks = older;
    }
}

static struct en_rpc_chunk *add_chunk(struct en_rpc_arena *arena, size_t size)
{
    struct en_rpc_chunk *chunk;

    if (size < arena->next_bytes)
        size = arena->next_bytes;
    if (size > arena->budget)
        return NULL;
    chunk = malloc(sizeof(*chunk) + size);
    if (chunk == NULL) {
        arena->is_out_of_memory = true;
        return NULL;
    }
    *chunk = (struct en_rpc_chunk){.older = arena->chunks, .used = 0, .size = size};
    arena->chunks = chunk;
    arena->budget -= size;
    if (arena->next_bytes < CHUNK_MAX_BYTES)
        arena->next_bytes *= 2;
    return chunk;
}

void *en_rpc_arena_take(struct en_rpc_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct en_rpc_chunk *chunk = arena->chunks;
    void *taken;

    if (size > BUDGET_MAX_BYTES)
        return NULL;
    size = (size + align - 1) / align * align;
    if (chunk == NULL || size > chunk->size - chunk->used) {
        chunk = add_chunk(arena, size);
        if (chunk == NULL)
            return NULL;
    }
    taken = chunk->bytes + chunk->used;
    chunk->used += size;
    return taken;
}
