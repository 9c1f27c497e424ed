#include "config/units.h"

#include "base/checked.h"

#include <stdio.h>
#include <string.h>

struct suffix {
    const char *text;
    uint64_t factor;
};

/* Largest first, as the formatter needs it; the last entry is the unit itself. */
static const struct suffix sizes[] = {
    {"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"", 1}};
static const struct suffix durations[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct suffix counts[] = {{"", 1}};

static const struct suffix *suffixes(enum en_unit unit, size_t *count_out)
{
    switch (unit) {
    case EN_UNIT_SIZE:
        *count_out = sizeof(sizes) / sizeof(sizes[0]);
        return sizes;
    case EN_UNIT_DURATION:
        *count_out = sizeof(durations) / sizeof(durations[0]);
        return durations;
    case EN_UNIT_COUNT:
    default:
        *count_out = 1;
        return counts;
    }
}

bool en_unit_parse(enum en_unit unit, const char *text, uint64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    const struct suffix *table;
    uint64_t number, value;
    size_t count;

    if (!en_parse_u64(text, digits, UINT64_MAX, &number))
        return false;
    table = suffixes(unit, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + digits, table[i].text) != 0)
            continue;
        if (__builtin_mul_overflow(number, table[i].factor, &value))
            return false;
        *out = value;
        return true;
    }
    return false;
}

void en_unit_format(enum en_unit unit, uint64_t value, char out[EN_UNIT_TEXT_BYTES])
{
    const struct suffix *table;
    size_t count, i = 0;

    table = suffixes(unit, &count);
    while (i < count - 1 && (value == 0 || value % table[i].factor != 0))
        i++;
    (void)snprintf(out, EN_UNIT_TEXT_BYTES, "%llu%s", (unsigned long long)(value / table[i].factor),
                   table[i].text);
}

const char *en_unit_form(enum en_unit unit)
{
    switch (unit) {
    case EN_UNIT_SIZE:
        return "a size in bytes, KiB, MiB or GiB, such as \"4MiB\"";
    case EN_UNIT_DURATION:
        return "a duration in ms, s, m or h, such as \"5s\"";
    case EN_UNIT_COUNT:
    default:
        return "a whole number";
    }
}
