#include "queue.h"

#include <stdlib.h>

#define FIRST_CAPACITY 16u

static bool grow(struct queue *queue)
{
    size_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : queue->capacity * 2;
    struct enoki_invocation **items = calloc(capacity, sizeof(struct enoki_invocation *));

    if (items == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        items[i] = queue->items[(queue->first + i) % queue->capacity];
    free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

bool queue_push(struct queue *queue, struct enoki_invocation *invocation)
{
    if (queue->count == queue->capacity && !grow(queue))
        return false;
    queue->items[(queue->first + queue->count) % queue->capacity] = invocation;
    queue->count++;
    return true;
}

struct enoki_invocation *queue_pop(struct queue *queue)
{
    struct enoki_invocation *invocation;

    if (queue->count == 0)
        return NULL;
    invocation = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    return invocation;
}

const struct enoki_invocation *queue_first(const struct queue *queue)
{
    return queue->count == 0 ? NULL : queue->items[queue->first];
}

void queue_fini(struct queue *queue)
{
    free(queue->items);
}
