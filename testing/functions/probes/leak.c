/* leak - keeps as many bytes as the body says, for ever, and answers how many it has kept. */
#include <enoki/function.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
    struct chunk *next;
    char bytes[];
};

/* Reachable, so that it is growth and not what a leak detector means. */
static _Atomic(struct chunk *) kept;
static _Atomic size_t total;

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t bytes = strtoul(enoki_call_body(call, NULL), NULL, 10);
    struct chunk *chunk = malloc(sizeof(*chunk) + bytes);

    (void)instance;
    if (chunk == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for %zu bytes more", bytes);
    memset(chunk->bytes, 'x', bytes);
    chunk->next = atomic_load(&kept);
    while (!atomic_compare_exchange_weak(&kept, &chunk->next, chunk))
        ;
    return enoki_call_replyf(call, err, "%zu", atomic_fetch_add(&total, bytes) + bytes);
}

ENOKI_FUNCTION(.invoke = invoke);
