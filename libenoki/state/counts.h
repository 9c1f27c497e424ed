/*
 * counts.h - how often state was called, counted where the calls reach their backend, in memory
 * that a front door and all processes of one runtime share: it reads them whenever somebody asks,
 * and nothing is sent for it.
 *
 *   front door:  en_counts_new(&fd), a runtime inherits fd, en_counts_map(fd) to look
 *   runtime:     en_counts_attach(fd), once, before it forks and opens state
 *   handle:      en_counts_stripe(), en_counts_add(stripe, what, rc)
 *
 * Handles of one process use one of several stripes, so that workers seldom write to the same line
 * of cache. What a runtime writes there is its own affair: it can spoil no numbers but its own.
 *
 * Threads  any thread; attach: one thread, before others exist.
 * Fork     safe: a child counts in the same memory.
 */
#ifndef EN_COUNTS_H
#define EN_COUNTS_H

#include <enoki/error.h>

#include <stdatomic.h>

#define EN_COUNTS_STRIPES 16u

enum en_count {
    EN_COUNT_READ,
    EN_COUNT_SCAN,
    EN_COUNT_KEYS,
    EN_COUNT_UPDATE,
    EN_COUNT_REMOVE,
    EN_COUNT_APPEND,
    EN_COUNT_KINDS,
};

struct en_counts_stripe {
    _Alignas(128) _Atomic uint64_t calls[EN_COUNT_KINDS];
    _Atomic uint64_t errors[EN_COUNT_KINDS]; /* failures but "there is no such item" */
};

struct en_counts {
    struct en_counts_stripe stripes[EN_COUNTS_STRIPES];
};

/* Sums. */
struct en_counts_total {
    uint64_t calls[EN_COUNT_KINDS];
    uint64_t errors[EN_COUNT_KINDS];
};

/* Memory of zeroes behind a descriptor, closed on exec, whose size nobody can change. ENOKI_EIO */
ENOKI_MUST_CHECK int en_counts_new(int *fd_out);
/* To look at; NULL: it cannot be had. en_counts_unmap(); NULL is allowed there. */
const struct en_counts *en_counts_map(int fd);
void en_counts_unmap(const struct en_counts *counts);
void en_counts_sum(const struct en_counts *counts, struct en_counts_total *total);

/* From now on this process, and those that it forks, count there; the descriptor is closed.
 * ENOKI_EIO */
ENOKI_MUST_CHECK int en_counts_attach(int fd);

/* Where a new handle counts; NULL: nobody wants to know. */
struct en_counts_stripe *en_counts_stripe(void);
/* Returns rc. */
static inline int en_counts_add(struct en_counts_stripe *stripe, enum en_count what, int rc)
{
    if (stripe == NULL)
        return rc;
    atomic_fetch_add_explicit(&stripe->calls[what], 1, memory_order_relaxed);
    if (rc != 0 && rc != ENOKI_ENOTFOUND)
        atomic_fetch_add_explicit(&stripe->errors[what], 1, memory_order_relaxed);
    return rc;
}

/* "read", ... */
const char *en_count_name(enum en_count what);

#endif
