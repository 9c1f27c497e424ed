/*
 * input.h - what a connection has read and not yet used: contiguous, with room for one more byte.
 *
 * Memory   one heap block that grows up to the limit, or a block that was given.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_INPUT_H
#define EN_INPUT_H

#include <enoki/error.h>

#include <stdbool.h>
#include <stddef.h>

/* What the inputs of many connections may take together, beyond what each may keep while it is
 * idle: small requests are always read. */
struct en_input_budget {
    size_t most;
    size_t held;
};

struct en_input {
    char *data;
    size_t start; /* unused bytes are [start, end) */
    size_t end;
    size_t cap; /* one more byte than may be used */
    size_t max; /* cap never goes above it */
    bool is_given;
    struct en_input_budget *budget; /* NULL: there is none; of one thread */
};

/* memory NULL: heap. */
void en_input_init(struct en_input *input, void *memory, size_t max);
void en_input_fini(struct en_input *input);

/* Makes room for at least one more byte, and for all of a request of that many bytes if it is not
 * 0. ENOKI_ELIMIT: max is reached; ENOKI_ENOMEM, also beyond the budget. The bytes may move. */
ENOKI_MUST_CHECK int en_input_reserve(struct en_input *input, size_t request_len);

/* The bytes up to start + len are used. */
void en_input_consume(struct en_input *input, size_t len);

/* Gives the memory back; there is nothing in it. */
void en_input_release(struct en_input *input);

/* Gives memory back that an idle connection does not need. */
void en_input_shrink(struct en_input *input);

#endif
