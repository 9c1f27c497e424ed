/* Headers that are between a client and us only, and not for functions: those that RFC 9110 7.6.1
 * names, and those that the client's Connection header names. */
#include "wire/http_chars.h"
#include "wire/http_reader.h"

#include <string.h>

bool en_http_is_hop_by_hop(const char *name, size_t len)
{
    static const char *const names[] = {"connection", "keep-alive",        "proxy-connection", "te",
                                        "trailer",    "transfer-encoding", "upgrade"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == len && en_http_equals(name, len, names[i]))
            return true;
    }
    return false;
}

struct en_http_span en_http_next_option(const char *value, size_t len, size_t *at)
{
    size_t from = *at, to = from, end;

    while (to < len && value[to] != ',')
        to++;
    end = to;
    while (from < end && (value[from] == ' ' || value[from] == '\t'))
        from++;
    while (end > from && (value[end - 1] == ' ' || value[end - 1] == '\t'))
        end--;
    *at = to + 1;
    return (struct en_http_span){(uint32_t)from, (uint32_t)(end - from)};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

static bool is_connection(const char *data, const struct en_http_field *field)
{
    return en_http_equals(data + field->name.at, field->name.len, "connection");
}

static bool is_named_by(const char *data, const struct en_http_field *connection,
                        const struct en_http_field *field)
{
    const char *value = data + connection->value.at;
    size_t at = 0;

    while (at < connection->value.len) {
        struct en_http_span option = en_http_next_option(value, connection->value.len, &at);

        if (option.len == field->name.len &&
            same(value + option.at, data + field->name.at, option.len))
            return true;
    }
    return false;
}

static bool is_dropped(const struct en_http_reader *reader, const char *data,
                       const struct en_http_field *field)
{
    if (is_connection(data, field))
        return true;
    for (uint32_t i = 0; i < reader->header_count; i++) {
        if (is_connection(data, &reader->fields[i]) &&
            is_named_by(data, &reader->fields[i], field))
            return true;
    }
    return false;
}

void en_http_drop_named(struct en_http_reader *reader, const char *data)
{
    bool dropped[EN_HEADERS_MAX];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < reader->header_count; i++)
        dropped[i] = is_dropped(reader, data, &reader->fields[i]);
    for (uint32_t i = 0; i < reader->header_count; i++) {
        if (!dropped[i])
            reader->fields[kept++] = reader->fields[i];
    }
    reader->header_count = kept;
}
