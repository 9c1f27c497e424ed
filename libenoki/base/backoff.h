/*
 * backoff.h - how long to wait before something that failed is tried again.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_BACKOFF_H
#define EN_BACKOFF_H

#include <stdint.h>

#define EN_BACKOFF_FIRST_MS 100u
#define EN_BACKOFF_MAX_MS 5000u

/* The pause after one of pause_ms did not help: twice that, within the limits. 0: none yet. */
static inline uint64_t en_backoff_next(uint64_t pause_ms)
{
    uint64_t next = pause_ms * 2;

    if (pause_ms == 0)
        return EN_BACKOFF_FIRST_MS;
    return next > EN_BACKOFF_MAX_MS ? EN_BACKOFF_MAX_MS : next;
}

#endif
