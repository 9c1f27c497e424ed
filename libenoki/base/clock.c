#include "base/clock.h"

#include <stdio.h>
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

void en_clock_text(uint64_t wall_ns, char out[EN_CLOCK_TEXT_BYTES])
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm utc;
    size_t len;

    (void)gmtime_r(&seconds, &utc);
    len = strftime(out, EN_CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(out + len, EN_CLOCK_TEXT_BYTES - len, ".%09lluZ",
                   (unsigned long long)(wall_ns % 1000000000u));
}
