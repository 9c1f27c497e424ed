#include "invoke/trays.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A page more, for the NUL. */
#define MAPPED_BYTES (EN_TRAY_BYTES + 4096u)

/* A claim is a tray's turn, then one of these. */
#define FREE 0u
#define POSTED 1u
#define CLAIMED_BY 2u /* and the worker's number */

static uint64_t make_claim(uint32_t turn, uint32_t who)
{
    return (uint64_t)turn << 32 | who;
}

static size_t claims_bytes(const struct en_trays *trays)
{
    return trays->count * sizeof(*trays->claims);
}

static void *map(size_t bytes)
{
    const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

int en_trays_init(struct en_trays *trays, uint32_t count, bool carry_bodies)
{
    memset(trays, 0, sizeof(*trays));
    trays->trays = calloc(count, sizeof(*trays->trays));
    trays->free = calloc(count, sizeof(*trays->free));
    if (trays->trays == NULL || trays->free == NULL)
        return ENOKI_ENOMEM;
    trays->count = count;
    trays->claims = map(claims_bytes(trays));
    if (trays->claims == NULL)
        return ENOKI_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        /* Each is a mapping of its own: to open one splits none. */
        if (carry_bodies && i < EN_TRAYS_CARRYING)
            trays->trays[i].memory = map(MAPPED_BYTES);
        trays->free[trays->free_count++] = count - 1 - i;
    }
    return 0;
}

void en_trays_fini(struct en_trays *trays)
{
    for (uint32_t i = 0; i < trays->count; i++) {
        if (trays->trays[i].memory != NULL)
            (void)munmap(trays->trays[i].memory, MAPPED_BYTES);
    }
    if (trays->claims != NULL)
        (void)munmap((void *)trays->claims, claims_bytes(trays));
    free(trays->trays);
    free(trays->free);
    memset(trays, 0, sizeof(*trays));
}

/* --- parent ---------------------------------------------------------------------------------- */

uint32_t en_trays_take(struct en_trays *trays, uint64_t call)
{
    struct en_tray *tray;
    uint32_t number;

    if (trays->free_count == 0)
        return EN_NO_TRAY;
    number = trays->free[--trays->free_count];
    tray = &trays->trays[number];
    tray->call = call;
    tray->turn++;
    atomic_store(&trays->claims[number], make_claim(tray->turn, POSTED));
    return number;
}

static bool is_of(const struct en_trays *trays, uint32_t tray, uint64_t call)
{
    return tray < trays->count && call != 0 && trays->trays[tray].call == call;
}

void en_trays_give(struct en_trays *trays, uint32_t tray, uint64_t call)
{
    if (!is_of(trays, tray, call))
        return;
    atomic_store(&trays->claims[tray], make_claim(trays->trays[tray].turn, FREE));
    trays->trays[tray].call = 0;
    trays->free[trays->free_count++] = tray;
}

enum en_tray_state en_trays_state(const struct en_trays *trays, uint32_t tray,
                                  uint32_t *worker_out)
{
    uint64_t claim = atomic_load(&trays->claims[tray]);
    uint32_t turn = trays->trays[tray].turn;

    if (trays->trays[tray].call == 0)
        return EN_TRAY_FREE;
    if (claim == make_claim(turn, POSTED))
        return EN_TRAY_POSTED;
    /* What is no claim at all becomes a worker that there is not. */
    *worker_out = (uint32_t)(claim - make_claim(turn, CLAIMED_BY));
    if (claim - make_claim(turn, CLAIMED_BY) > UINT32_MAX - CLAIMED_BY)
        *worker_out = UINT32_MAX;
    return EN_TRAY_CLAIMED;
}

bool en_trays_withdraw(struct en_trays *trays, uint64_t call)
{
    uint32_t tray = 0;
    uint64_t posted;

    while (tray < trays->count && !is_of(trays, tray, call))
        tray++;
    if (tray == trays->count)
        return false;
    posted = make_claim(trays->trays[tray].turn, POSTED);
    if (!atomic_compare_exchange_strong(&trays->claims[tray], &posted,
                                        make_claim(trays->trays[tray].turn, FREE)))
        return false;
    en_trays_give(trays, tray, call);
    return true;
}

bool en_trays_carry(const struct en_trays *trays, uint32_t tray, size_t len)
{
    return tray < trays->count && trays->trays[tray].memory != NULL && len >= EN_TRAY_FROM &&
           len <= EN_TRAY_BYTES;
}

static void touch(struct en_trays *trays, uint32_t tray, size_t len, uint64_t now_ms)
{
    if (trays->trays[tray].touched < len)
        trays->trays[tray].touched = len;
    trays->used_ms = now_ms;
}

void en_trays_put(struct en_trays *trays, uint32_t tray, const char *body, size_t len,
                  uint64_t now_ms)
{
    memcpy(trays->trays[tray].memory, body, len);
    touch(trays, tray, len, now_ms);
}

const char *en_trays_get(struct en_trays *trays, uint32_t tray, uint64_t call, uint64_t len,
                         uint64_t now_ms)
{
    if (!is_of(trays, tray, call) || trays->trays[tray].memory == NULL || len > EN_TRAY_BYTES)
        return NULL;
    touch(trays, tray, (size_t)len, now_ms);
    return trays->trays[tray].memory;
}

uint64_t en_trays_rest(struct en_trays *trays, uint64_t now_ms, uint64_t idle_ms)
{
    if (trays->used_ms == 0)
        return UINT64_MAX;
    if (now_ms < trays->used_ms + idle_ms)
        return trays->used_ms + idle_ms;
    trays->used_ms = 0;
    for (uint32_t i = 0; i < trays->count; i++) {
        struct en_tray *tray = &trays->trays[i];

        if (tray->touched == 0)
            continue;
        if (tray->call != 0) {
            trays->used_ms = now_ms;
            continue;
        }
        /* All of it: a worker may have written behind what it spoke of. */
        (void)madvise(tray->memory, MAPPED_BYTES, MADV_REMOVE);
        tray->touched = 0;
    }
    return trays->used_ms == 0 ? UINT64_MAX : now_ms + idle_ms;
}

/* --- worker ---------------------------------------------------------------------------------- */

int en_trays_fence(const struct en_trays *trays)
{
    for (uint32_t i = 0; i < trays->count; i++) {
        char *memory = trays->trays[i].memory;

        if (memory != NULL && mprotect(memory, MAPPED_BYTES, PROT_NONE) != 0)
            return ENOKI_EIO;
    }
    return 0;
}

bool en_tray_claim(const struct en_trays *trays, uint32_t tray, uint32_t turn, uint32_t worker)
{
    uint64_t posted = make_claim(turn, POSTED);

    return tray < trays->count &&
           atomic_compare_exchange_strong(&trays->claims[tray], &posted,
                                          make_claim(turn, CLAIMED_BY + worker));
}

char *en_tray_open(const struct en_trays *trays, uint32_t tray)
{
    char *memory = tray < trays->count ? trays->trays[tray].memory : NULL;

    if (memory == NULL || mprotect(memory, MAPPED_BYTES, PROT_READ | PROT_WRITE) != 0)
        return NULL;
    return memory;
}

void en_tray_close(const struct en_trays *trays, uint32_t tray)
{
    if (tray < trays->count && trays->trays[tray].memory != NULL)
        (void)mprotect(trays->trays[tray].memory, MAPPED_BYTES, PROT_NONE);
}
