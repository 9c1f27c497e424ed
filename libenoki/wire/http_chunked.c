#include "wire/http_chars.h"
#include "wire/http_reader.h"

#include <string.h>

/* Nobody has a use for extensions; more of them than this in one body is an attack. */
#define EXTENSION_BYTES 4096u

static size_t skip(const char *data, size_t at, size_t to, unsigned classes)
{
    while (at < to && en_http_is(data[at], classes))
        at++;
    return at;
}

static size_t skip_space(const char *data, size_t at, size_t to)
{
    while (at < to && (data[at] == ' ' || data[at] == '\t'))
        at++;
    return at;
}

/* A quoted string from its opening quote on; 0 if it is none. */
static size_t skip_quoted(const char *data, size_t at, size_t to)
{
    for (at++; at < to && data[at] != '"'; at++) {
        if (data[at] == '\\')
            at++;
        if (at >= to || !en_http_is(data[at], EN_HTTP_FIELD))
            return 0;
    }
    return at < to ? at + 1 : 0;
}

/* ";name", ";name=token", ";name="quoted"", with space around ; and = */
static bool are_extensions(const char *data, size_t at, size_t to)
{
    while (at < to) {
        size_t name, next;

        at = skip_space(data, at, to);
        if (at == to || data[at] != ';')
            return false;
        name = skip_space(data, at + 1, to);
        at = skip(data, name, to, EN_HTTP_TOKEN);
        if (at == name)
            return false;
        next = skip_space(data, at, to);
        if (next == to || data[next] != '=')
            continue;
        next = skip_space(data, next + 1, to);
        at = next < to && data[next] == '"' ? skip_quoted(data, next, to)
                                            : skip(data, next, to, EN_HTTP_TOKEN);
        if (at <= next)
            return false;
    }
    return true;
}

int en_http_read_chunk_size(struct en_http_reader *reader, const char *data, size_t from, size_t to)
{
    size_t at, size = 0;

    for (at = from; at < to && en_http_is(data[at], EN_HTTP_HEX); at++) {
        if (size > SIZE_MAX >> 4)
            return en_http_refuse(reader, 400, "bad chunk size");
        size = size << 4 | (size_t)en_http_hex_value(data[at]);
    }
    if (at == from || !are_extensions(data, at, to))
        return en_http_refuse(reader, 400, "bad chunk size");
    reader->extension_bytes += to - at;
    if (reader->extension_bytes > EXTENSION_BYTES)
        return en_http_refuse(reader, 400, "too many chunk extensions");
    if (size > reader->max_body_bytes - reader->body_len)
        return en_http_refuse(reader, 413, "request body too large");
    reader->chunk_left = size;
    reader->body_len += size;
    return 0;
}

/* Moves the data of the chunks in [header_end, end), which were validated, together. */
void en_http_join_chunks(struct en_http_reader *reader, char *data, size_t end)
{
    char *to = data + reader->header_end;
    const char *from = to;

    while (from < data + end) {
        size_t size = 0;

        for (; en_http_is(*from, EN_HTTP_HEX); from++)
            size = size << 4 | (size_t)en_http_hex_value(*from);
        from = (const char *)memchr(from, '\n', (size_t)(data + end - from)) + 1;
        memmove(to, from, size);
        to += size;
        from += size + 2;
    }
}

size_t en_http_reader_compact(struct en_http_reader *reader, char *data, size_t len)
{
    char *start = data + reader->header_end;
    char line[2 * sizeof(size_t) + 2];
    size_t joined = reader->body_len, old, new, digits = 0, delta;

    if (reader->phase < EN_HTTP_CHUNK_SIZE || reader->phase > EN_HTTP_TRAILERS)
        return len;
    if (reader->phase == EN_HTTP_CHUNK_DATA)
        joined -= reader->chunk_left;

    for (size_t rest = joined; rest > 0; rest >>= 4)
        digits++;
    for (size_t i = 0; i < digits; i++)
        line[i] = "0123456789abcdef"[joined >> 4 * (digits - 1 - i) & 15];
    line[digits] = '\r';
    line[digits + 1] = '\n';

    old = reader->chunk_line - reader->header_end;
    new = digits + 2 + joined + 2;
    if (joined == 0 || new >= old)
        return len;
    en_http_join_chunks(reader, data, reader->chunk_line);
    memmove(start + digits + 2, start, joined);
    memcpy(start, line, digits + 2);
    memcpy(start + digits + 2 + joined, "\r\n", 2);
    delta = old - new;
    memmove(start + new, start + old, len - reader->chunk_line);
    reader->chunk_line -= delta;
    reader->line -= delta;
    reader->scanned -= delta;
    if (reader->phase == EN_HTTP_TRAILERS)
        reader->line_limit -= delta;
    return len - delta;
}
