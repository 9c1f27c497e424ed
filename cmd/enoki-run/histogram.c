#include "histogram.h"

#include <stddef.h>
#include <string.h>

#define FIRST_US 10u

/* The upper end of a bucket. */
static uint64_t bound(size_t bucket)
{
    uint64_t at = FIRST_US;

    for (size_t i = 0; i < bucket; i++)
        at += at / 5;
    return at;
}

/* Where bound() has passed us; a table would be larger than what it saves: calls cost more. */
static size_t bucket_of(uint64_t us)
{
    uint64_t at = FIRST_US;
    size_t i = 0;

    while (at < us && i + 1 < HISTOGRAM_BUCKETS) {
        at += at / 5;
        i++;
    }
    return i;
}

/* Forgets what is not recent any more. */
static void turn(struct histogram *histogram, uint64_t span)
{
    if (span > histogram->span + 1)
        memset(histogram->recent, 0, sizeof(histogram->recent));
    else
        memset(histogram->recent[span & 1], 0, sizeof(histogram->recent[0]));
    histogram->span = span;
}

void histogram_add(struct histogram *histogram, uint64_t us, uint64_t now_us)
{
    uint64_t span = now_us / HISTOGRAM_SPAN_US;
    size_t bucket = bucket_of(us);

    if (span > histogram->span)
        turn(histogram, span);
    histogram->counts[bucket]++;
    histogram->recent[span & 1][bucket]++;
    histogram->count++;
    histogram->sum_us += us;
}

static uint64_t quantile_us(const uint64_t *counts, uint64_t count, double part)
{
    uint64_t wanted = (uint64_t)((double)count * part), seen = 0;

    if (count == 0)
        return 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += counts[i];
        if (seen > wanted || seen == count)
            return bound(i);
    }
    return bound(HISTOGRAM_BUCKETS - 1);
}

uint64_t histogram_quantile_us(const struct histogram *histogram, double part)
{
    return quantile_us(histogram->counts, histogram->count, part);
}

uint64_t histogram_recent_us(const struct histogram *histogram, double part, uint64_t now_us,
                             uint64_t *count_out)
{
    uint64_t span = now_us / HISTOGRAM_SPAN_US, counts[HISTOGRAM_BUCKETS] = {0};

    *count_out = 0;
    for (uint64_t back = 0; back < 2; back++) {
        uint64_t of = span - back;

        /* Only the newest two are there, and only they are recent. */
        if (of > histogram->span || of + 1 < histogram->span)
            continue;
        for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
            counts[i] += histogram->recent[of & 1][i];
            *count_out += histogram->recent[of & 1][i];
        }
    }
    return quantile_us(counts, *count_out, part);
}

uint64_t histogram_count_below(const struct histogram *histogram, uint64_t us)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS && bound(i) <= us; i++)
        seen += histogram->counts[i];
    return seen;
}
