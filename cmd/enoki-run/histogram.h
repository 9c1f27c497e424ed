/*
 * histogram.h - how long calls took: buckets that grow by a fifth, from 10 us to 20 minutes.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 104u

/* The recent ones are those of this span of time and of the one before. */
#define HISTOGRAM_SPAN_US 15000000u

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t sum_us;
    uint32_t recent[2][HISTOGRAM_BUCKETS]; /* of spans with an even and an odd number */
    uint64_t span;                         /* the number of the newest */
};

/* now_us: on any clock that goes on. */
void histogram_add(struct histogram *histogram, uint64_t us, uint64_t now_us);
/* As histogram_quantile_us(), of the recent ones; *count_out: how many they are. */
uint64_t histogram_recent_us(const struct histogram *histogram, double part, uint64_t now_us,
                             uint64_t *count_out);
/* The time that this part (0 to 1) of all did not exceed; 0 if there are none. */
uint64_t histogram_quantile_us(const struct histogram *histogram, double part);
/* How many took at most so long. */
uint64_t histogram_count_below(const struct histogram *histogram, uint64_t us);

#endif
