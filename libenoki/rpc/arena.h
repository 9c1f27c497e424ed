/*
 * arena.h - where a decoded answer lives: memory for protobuf-c that is given back at once.
 *
 *   struct en_rpc_arena arena;
 *   en_rpc_arena_init(&arena, len);
 *   message = protobuf_c_message_unpack(type, &arena.allocator, len, bytes);
 *   if (message == NULL && arena.is_out_of_memory) ...
 *   en_rpc_arena_fini(&arena);
 *
 * A few bytes of an answer can ask for many of memory: what an arena gives is bounded by the length
 * of the answer.
 *
 * Memory   An arena must not move while it is in use.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_RPC_ARENA_H
#define EN_RPC_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct en_rpc_arena {
    ProtobufCAllocator allocator;
    struct en_rpc_chunk *chunks; /* the newest first */
    size_t next_bytes;           /* of the next chunk */
    size_t budget;               /* bytes that may still be taken from the heap */
    bool is_out_of_memory;       /* the heap refused; false: only the budget did, if anything */
};

/* For an answer of that length. Takes nothing yet. */
void en_rpc_arena_init(struct en_rpc_arena *arena, size_t answer_len);
void en_rpc_arena_fini(struct en_rpc_arena *arena);

/* Aligned for everything, not cleared. NULL: no memory, or beyond the budget. */
void *en_rpc_arena_take(struct en_rpc_arena *arena, size_t size);

#endif
