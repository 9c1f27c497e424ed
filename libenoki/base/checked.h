/*
 * checked.h - arithmetic on foreign numbers: true and *out, or false and nothing.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_CHECKED_H
#define EN_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool en_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool en_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* Decimal digits only, the whole text, at most max. */
bool en_parse_u64(const char *text, size_t len, uint64_t max, uint64_t *out);

/* One to ENOKI_NAME_MAX of [A-Za-z0-9]: the rule for functions, keygroups and item ids. */
bool en_is_name(const char *text, size_t len);

#endif
