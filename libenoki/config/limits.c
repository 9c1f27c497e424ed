#include "config/limits.h"

#include <string.h>

static const struct en_limit table[] = {
#define ROW(key_, unit_, member, min_, max_, initial_, option_, help_)                             \
    {.key = (key_),                                                                                \
     .option = (option_),                                                                          \
     .unit = EN_UNIT_##unit_,                                                                      \
     .offset = offsetof(struct enoki_limits, member),                                              \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .initial = (initial_),                                                                        \
     .help = (help_)},
    EN_LIMITS(ROW) EN_WORKER_LIMITS(ROW) EN_CODE_LIMITS(ROW) EN_IDLE_LIMITS(ROW)
#undef ROW
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

_Static_assert(TABLE_COUNT * sizeof(uint64_t) == sizeof(struct enoki_limits),
               "every limit has a row");

const struct en_limit *en_limit_at(size_t index)
{
    return index < TABLE_COUNT ? &table[index] : NULL;
}

uint64_t en_limit_get(const struct en_limit *limit, const struct enoki_limits *limits)
{
    uint64_t value;

    memcpy(&value, (const char *)limits + limit->offset, sizeof(value));
    return value;
}

void en_limit_set(const struct en_limit *limit, struct enoki_limits *limits, uint64_t value)
{
    memcpy((char *)limits + limit->offset, &value, sizeof(value));
}

uint64_t en_limit_default(const struct en_limit *limit)
{
    uint64_t value = 0;

    (void)en_unit_parse(limit->unit, limit->initial, &value);
    return value;
}

void en_limits_fill(struct enoki_limits *limits)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (en_limit_get(&table[i], limits) == 0)
            en_limit_set(&table[i], limits, en_limit_default(&table[i]));
    }
}
