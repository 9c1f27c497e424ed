#include "state/fred/store.h"

#include "base/clock.h"

#include <time.h>

#define WAIT_MAX_MS 86400000u

pthread_mutex_t *en_fred_turn_take(struct en_fred_store *store, const char *id,
                                   uint64_t deadline_ms)
{
    uint64_t now_ms = en_clock_ms();
    uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    uint64_t end_ns =
        en_clock_wall_ns() + (left_ms < WAIT_MAX_MS ? left_ms : WAIT_MAX_MS) * 1000000u;
    const struct timespec until = {(time_t)(end_ns / 1000000000u), (long)(end_ns % 1000000000u)};
    pthread_mutex_t *order;
    unsigned hash = 0;

    for (; *id != '\0'; id++)
        hash = hash * 31 + (unsigned char)*id;
    order = &store->orders[hash % EN_FRED_ORDERS];
    return pthread_mutex_timedlock(order, &until) == 0 ? order : NULL;
}
