#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;

    /* Cannot fail for these clocks on Linux. */
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t en_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t en_clock_ms(void)
{
    return en_clock_ns() / 1000000u;
}

uint64_t en_clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}
