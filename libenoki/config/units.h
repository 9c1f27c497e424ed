/*
 * units.h - sizes and durations as people write them: "32KiB", "5s".
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_UNITS_H
#define EN_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the text of a setting or option means. */
enum en_unit {
    EN_UNIT_COUNT,    /* digits */
    EN_UNIT_SIZE,     /* digits, then nothing, KiB, MiB or GiB: bytes */
    EN_UNIT_DURATION, /* digits, then ms, s, m or h: milliseconds */
};

/* False if the text is not of that form or the number does not fit. */
bool en_unit_parse(enum en_unit unit, const char *text, uint64_t *out);

#define EN_UNIT_TEXT_BYTES 32

/* The shortest exact text: "32KiB", "90s", "1024". */
void en_unit_format(enum en_unit unit, uint64_t value, char out[EN_UNIT_TEXT_BYTES]);

/* What is allowed, for messages: "a size in bytes, KiB, ..." */
const char *en_unit_form(enum en_unit unit);

#endif
