#include "failing_alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static atomic_uint countdown;
static atomic_bool happened;

void failing_alloc_arm(unsigned nth)
{
    atomic_store(&happened, false);
    atomic_store(&countdown, nth);
}

bool failing_alloc_disarm(void)
{
    atomic_store(&countdown, 0);
    return atomic_load(&happened);
}

static bool must_fail(void)
{
    unsigned left = atomic_load(&countdown);

    while (left > 0) {
        if (!atomic_compare_exchange_weak(&countdown, &left, left - 1))
            continue;
        if (left > 1)
            return false;
        atomic_store(&happened, true);
        errno = ENOMEM;
        return true;
    }
    return false;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : __real_strdup(text);
}
