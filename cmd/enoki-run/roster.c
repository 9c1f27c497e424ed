#include "roster.h"

#include <stdlib.h>
#include <string.h>

#define FUNCTIONS_MAX 100000u

static int compare(const char *a, size_t a_len, const char *b)
{
    size_t b_len = strlen(b);
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : a_len < b_len ? -1 : a_len > b_len ? 1 : 0;
}

/* Where the name is, or belongs. */
static size_t place_of(const struct roster *roster, const char *name, size_t len, bool *found)
{
    size_t low = 0, high = roster->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, len, function_name(roster->functions[middle]));

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct function *roster_find(const struct roster *roster, const char *name, size_t len)
{
    bool found;
    size_t at = place_of(roster, name, len, &found);

    return found ? roster->functions[at] : NULL;
}

int roster_add(struct roster *roster, struct function *function, const char *name)
{
    bool found;
    size_t at = place_of(roster, name, strlen(name), &found);

    if (roster->count >= FUNCTIONS_MAX)
        return ENOKI_ELIMIT;
    if (roster->count == roster->cap) {
        size_t cap = roster->cap == 0 ? 16 : roster->cap * 2;
        struct function **grown = realloc(roster->functions, cap * sizeof(struct function *));

        if (grown == NULL)
            return ENOKI_ENOMEM;
        roster->functions = grown;
        roster->cap = cap;
    }
    memmove(&roster->functions[at + 1], &roster->functions[at],
            (roster->count - at) * sizeof(struct function *));
    roster->functions[at] = function;
    roster->count++;
    return 0;
}

void roster_remove(struct roster *roster, const struct function *function)
{
    const char *name = function_name(function);
    bool found;
    size_t at = place_of(roster, name, strlen(name), &found);

    memmove(&roster->functions[at], &roster->functions[at + 1],
            (roster->count - at - 1) * sizeof(struct function *));
    roster->count--;
}

void roster_fini(struct roster *roster)
{
    free(roster->functions);
}
