#include "wire/trace.h"

#include <string.h>

/* Where the fields of "00-TRACE-SPAN-FLAGS" are. */
#define TRACE_AT 3u
#define SPAN_AT 36u
#define FLAGS_AT 53u
#define SPAN_CHARS 16u

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((text[i] < '0' || text[i] > '9') && (text[i] < 'a' || text[i] > 'f'))
            return false;
    return true;
}

static bool is_zero(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != '0')
            return false;
    return true;
}

/* A newer version may have more behind what is known, after another '-'. */
static bool is_version(struct en_text value)
{
    const char *at = value.data;

    if (value.len < EN_TRACE_PARENT_CHARS || !is_hex(at, 2) || memcmp(at, "ff", 2) == 0)
        return false;
    if (memcmp(at, "00", 2) == 0)
        return value.len == EN_TRACE_PARENT_CHARS;
    return value.len == EN_TRACE_PARENT_CHARS || at[EN_TRACE_PARENT_CHARS] == '-';
}

bool en_trace_parse(struct en_text value, struct en_trace *out)
{
    const char *at = value.data;

    if (!is_version(value) || at[TRACE_AT - 1] != '-' || at[SPAN_AT - 1] != '-' ||
        at[FLAGS_AT - 1] != '-' || !is_hex(at + TRACE_AT, EN_TRACE_ID_CHARS) ||
        !is_hex(at + SPAN_AT, SPAN_CHARS) || !is_hex(at + FLAGS_AT, 2) ||
        is_zero(at + TRACE_AT, EN_TRACE_ID_CHARS) || is_zero(at + SPAN_AT, SPAN_CHARS))
        return false;
    memcpy(out->id, at + TRACE_AT, EN_TRACE_ID_CHARS);
    out->id[EN_TRACE_ID_CHARS] = '\0';
    memcpy(out->flags, at + FLAGS_AT, 2);
    out->flags[2] = '\0';
    return true;
}

/* Random bytes as hex digits; zero as a whole would be no id. */
static void put_hex(char *out, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    if (is_zero(out, 2 * count))
        out[2 * count - 1] = '1';
}

void en_trace_make(const uint8_t random[EN_TRACE_RANDOM_BYTES], struct en_trace *out)
{
    put_hex(out->id, random, EN_TRACE_ID_CHARS / 2);
    out->id[EN_TRACE_ID_CHARS] = '\0';
    memcpy(out->flags, "00", sizeof("00"));
}

void en_trace_format(const struct en_trace *trace, const uint8_t span[EN_TRACE_SPAN_BYTES],
                     char out[EN_TRACE_PARENT_CHARS + 1])
{
    memcpy(out, "00-", TRACE_AT);
    memcpy(out + TRACE_AT, trace->id, EN_TRACE_ID_CHARS);
    out[SPAN_AT - 1] = '-';
    put_hex(out + SPAN_AT, span, EN_TRACE_SPAN_BYTES);
    out[FLAGS_AT - 1] = '-';
    memcpy(out + FLAGS_AT, trace->flags, sizeof(trace->flags));
}
