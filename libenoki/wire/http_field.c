#include "wire/http_chars.h"
#include "wire/http_reader.h"

/* Each may have to be looked for among all headers. */
#define CONNECTION_OPTIONS_MAX 64u

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

int en_http_split_field(struct en_http_reader *reader, const char *data, size_t from, size_t to,
                        struct en_http_field *field_out)
{
    size_t name_end, value;

    for (name_end = from; name_end < to && en_http_is(data[name_end], EN_HTTP_TOKEN); name_end++)
        ;
    if (name_end == from && name_end < to && is_blank(data[from]))
        return en_http_refuse(reader, 400, "a header line is folded");
    if (name_end == from || name_end == to || data[name_end] != ':')
        return en_http_refuse(reader, 400, "bad header name");
    field_out->name = (struct en_http_span){(uint32_t)from, (uint32_t)(name_end - from)};

    value = name_end + 1;
    while (value < to && is_blank(data[value]))
        value++;
    while (to > value && is_blank(data[to - 1]))
        to--;
    if (!en_http_is_field_text(data + value, to - value))
        return en_http_refuse(reader, 400, "bad character in a header value");
    field_out->value = (struct en_http_span){(uint32_t)value, (uint32_t)(to - value)};
    return 0;
}

static int read_host(struct en_http_reader *reader, const char *value, size_t len)
{
    if (reader->has_host)
        return en_http_refuse(reader, 400, "more than one Host header");
    for (size_t i = 0; i < len; i++)
        if (!en_http_is(value[i], EN_HTTP_HOST))
            return en_http_refuse(reader, 400, "bad Host header");
    reader->has_host = true;
    return 0;
}

static int read_content_length(struct en_http_reader *reader, const char *value, size_t len)
{
    size_t length = 0;

    if (reader->has_length)
        return en_http_refuse(reader, 400, "more than one Content-Length header");
    if (len == 0)
        return en_http_refuse(reader, 400, "bad Content-Length header");
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9')
            return en_http_refuse(reader, 400, "bad Content-Length header");
        /* Too large for a number is too large for any limit: it stays there. */
        if (__builtin_mul_overflow(length, (size_t)10, &length) ||
            __builtin_add_overflow(length, (size_t)(value[i] - '0'), &length))
            length = SIZE_MAX;
    }
    reader->has_length = true;
    reader->body_len = length;
    return 0;
}

static int read_transfer_encoding(struct en_http_reader *reader, const char *value, size_t len)
{
    if (reader->is_chunked || !en_http_equals(value, len, "chunked"))
        return en_http_refuse(reader, 400, "the only Transfer-Encoding known is chunked");
    reader->is_chunked = true;
    return 0;
}

static int read_connection(struct en_http_reader *reader, const char *value, size_t len)
{
    size_t at = 0;

    while (at < len) {
        struct en_http_span option = en_http_next_option(value, len, &at);

        if (en_http_equals(value + option.at, option.len, "close"))
            reader->close = true;
        else if (option.len > 0 && !en_http_equals(value + option.at, option.len, "keep-alive"))
            reader->names_headers = true;
        if (++reader->option_count > CONNECTION_OPTIONS_MAX)
            return en_http_refuse(reader, 400, "too many options in Connection headers");
    }
    return 0;
}

/* The headers that say how the connection goes on. */
static int read_known(struct en_http_reader *reader, const char *name, size_t name_len,
                      const char *value, size_t len)
{
    switch (name_len) {
    case 4:
        if (en_http_equals(name, name_len, "host"))
            return read_host(reader, value, len);
        return 0;
    case 6:
        if (!en_http_equals(name, name_len, "expect"))
            return 0;
        if (en_http_equals(value, len, "100-continue"))
            reader->expects_continue = true;
        else
            reader->has_expectation = true;
        return 0;
    case 10:
        if (en_http_equals(name, name_len, "connection"))
            return read_connection(reader, value, len);
        return 0;
    case 14:
        if (en_http_equals(name, name_len, "content-length"))
            return read_content_length(reader, value, len);
        return 0;
    case 17:
        if (en_http_equals(name, name_len, "transfer-encoding"))
            return read_transfer_encoding(reader, value, len);
        return 0;
    default:
        return 0;
    }
}

int en_http_read_field(struct en_http_reader *reader, const char *data, size_t from, size_t to)
{
    struct en_http_field *field;
    int status;

    if (reader->header_count == EN_HEADERS_MAX)
        return en_http_refuse(reader, 431, "too many request headers");
    field = &reader->fields[reader->header_count];
    status = en_http_split_field(reader, data, from, to, field);
    if (status != 0)
        return status;
    status = read_known(reader, data + field->name.at, field->name.len, data + field->value.at,
                        field->value.len);
    /* A Connection header that names others is kept until all are here. */
    if (status == 0 && (!en_http_is_hop_by_hop(data + field->name.at, field->name.len) ||
                        (reader->names_headers &&
                         en_http_equals(data + field->name.at, field->name.len, "connection"))))
        reader->header_count++;
    return status;
}
