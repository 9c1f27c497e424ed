/*
 * queue.h - invocations that wait for a thread, first in, first out.
 *
 * Memory   grows with what is put in; queue_fini() gives it back. All zeroes is an empty queue.
 * Threads  one thread at a time.
 */
#ifndef THREAD_QUEUE_H
#define THREAD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct enoki_invocation;

struct queue {
    struct enoki_invocation **items; /* a ring */
    size_t capacity;
    size_t first;
    size_t count;
};

/* False without memory. */
bool queue_push(struct queue *queue, struct enoki_invocation *invocation);
/* NULL if it is empty. */
struct enoki_invocation *queue_pop(struct queue *queue);
/* The one that comes out next; NULL if it is empty. */
const struct enoki_invocation *queue_first(const struct queue *queue);
void queue_fini(struct queue *queue);

#endif
