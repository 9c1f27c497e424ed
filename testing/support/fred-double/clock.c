#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *need(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "fred-double: out of memory\n");
        abort();
    }
    return memory;
}

void *duplicate(const void *bytes, size_t len)
{
    char *copy = need(malloc(len + 1));

    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

static struct entry *find(const struct clock *clock, const char *node)
{
    for (size_t i = 0; i < clock->count; i++)
        if (strcmp(clock->entries[i].node, node) == 0)
            return &clock->entries[i];
    return NULL;
}

void clock_set(struct clock *clock, const char *node, uint64_t counter)
{
    struct entry *entry = find(clock, node);

    if (entry == NULL) {
        clock->entries =
            need(realloc(clock->entries, (clock->count + 1) * sizeof(*clock->entries)));
        entry = &clock->entries[clock->count++];
        entry->node = duplicate(node, strlen(node));
    }
    entry->counter = counter;
}

void clock_copy(struct clock *to, const struct clock *from)
{
    *to = (struct clock){0, NULL};
    for (size_t i = 0; i < from->count; i++)
        clock_set(to, from->entries[i].node, from->entries[i].counter);
}

void clock_fini(struct clock *clock)
{
    for (size_t i = 0; i < clock->count; i++)
        free(clock->entries[i].node);
    free(clock->entries);
    *clock = (struct clock){0, NULL};
}

bool clock_covers(const struct clock *a, const struct clock *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct entry *mine = find(a, b->entries[i].node);

        if (mine == NULL || mine->counter < b->entries[i].counter)
            return false;
    }
    return true;
}

bool clock_equal(const struct clock *a, const struct clock *b)
{
    return clock_covers(a, b) && clock_covers(b, a);
}

void clock_merge(struct clock *into, const struct clock *other)
{
    for (size_t i = 0; i < other->count; i++) {
        const struct entry *theirs = &other->entries[i];
        const struct entry *mine = find(into, theirs->node);

        if (theirs->counter > (mine == NULL ? 0 : mine->counter))
            clock_set(into, theirs->node, theirs->counter);
    }
}

void clock_tick(struct clock *clock, const char *node)
{
    const struct entry *mine = find(clock, node);

    clock_set(clock, node, (mine == NULL ? 0 : mine->counter) + 1);
}

void clocks_add(struct clocks *list, const struct clock *clock)
{
    list->clocks = need(realloc(list->clocks, (list->count + 1) * sizeof(*list->clocks)));
    clock_copy(&list->clocks[list->count++], clock);
}

void clocks_remove(struct clocks *list, size_t index)
{
    clock_fini(&list->clocks[index]);
    list->clocks[index] = list->clocks[--list->count];
}

void clocks_clear(struct clocks *list)
{
    while (list->count > 0)
        clocks_remove(list, list->count - 1);
    free(list->clocks);
    list->clocks = NULL;
}

bool clocks_has(const struct clocks *list, const struct clock *clock)
{
    for (size_t i = 0; i < list->count; i++)
        if (clock_equal(&list->clocks[i], clock))
            return true;
    return false;
}
