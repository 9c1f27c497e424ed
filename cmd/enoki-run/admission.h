/*
 * admission.h - how much of what all functions share one function may hold: calls whose callers
 * wait (each has a connection), and the bytes of their bodies.
 *
 * A function may hold as much as is still free. One that is flooded gets half of everything and
 * leaves the other half to the others; two get a third each. Nobody has to configure it, a single
 * busy function is not held back by the quiet ones, and there is always room for the next one.
 *
 * Threads  loop thread.
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is held, by all or by one function. */
struct share {
    uint64_t calls;
    uint64_t bytes;
};

struct admission {
    struct share most;
    struct share held;
};

/* Takes a call with a body of so many bytes; callers that do not wait (no calls) hold bytes alone.
 * False: it would be too much. */
bool admission_take(struct admission *all, struct share *own, bool waits, size_t bytes);
/* The same once more, whatever there is: the call was taken already, and is copied. */
void admission_add(struct admission *all, struct share *own, bool waits, size_t bytes);
void admission_give(struct admission *all, struct share *own, bool waits, size_t bytes);

#endif
