/*
 * clock.h - vector clocks as FReD has them. Written apart from libenoki's on purpose: what is
 * tested must not judge itself.
 *
 * Memory   A clock of all zeroes is empty; clock_fini() releases one. Running out of memory ends
 *          the program.
 */
#ifndef DOUBLE_CLOCK_H
#define DOUBLE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
    char *node;
    uint64_t counter;
};

struct clock {
    size_t count;
    struct entry *entries;
};

struct clocks {
    size_t count;
    struct clock *clocks;
};

/* The last value of a node counts. */
void clock_set(struct clock *clock, const char *node, uint64_t counter);
void clock_copy(struct clock *to, const struct clock *from);
void clock_fini(struct clock *clock);

/* a has everything that b has, in counters at least as large. An entry of zero is there. */
bool clock_covers(const struct clock *a, const struct clock *b);
bool clock_equal(const struct clock *a, const struct clock *b);

/* The larger counters of both. Zeroes vanish on the way. */
void clock_merge(struct clock *into, const struct clock *other);
/* One more for node, wrapping around. */
void clock_tick(struct clock *clock, const char *node);

void clocks_add(struct clocks *list, const struct clock *clock);
void clocks_remove(struct clocks *list, size_t index);
void clocks_clear(struct clocks *list);
bool clocks_has(const struct clocks *list, const struct clock *clock);

/* Allocation that ends the program when there is no memory. */
void *need(void *memory);
void *duplicate(const void *bytes, size_t len);

#endif
