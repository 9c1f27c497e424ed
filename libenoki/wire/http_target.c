#include "wire/http_chars.h"
#include "wire/http_reader.h"

#include <string.h>

/* The end of the text from at on that is of these classes; '%' must start two hex digits. */
static size_t skip_uri(const char *data, size_t at, size_t to, unsigned classes)
{
    for (; at < to && en_http_is(data[at], classes); at++) {
        if (data[at] != '%')
            continue;
        if (to - at < 3 || !en_http_is(data[at + 1], EN_HTTP_HEX) ||
            !en_http_is(data[at + 2], EN_HTTP_HEX))
            break;
    }
    return at;
}

/* "http://host:port": returns where its path begins, 0 if the target is not of that form. */
static size_t skip_authority(const char *data, size_t from, size_t to)
{
    size_t host;

    if (to - from > 7 && en_http_equals(data + from, 7, "http://"))
        host = from + 7;
    else if (to - from > 8 && en_http_equals(data + from, 8, "https://"))
        host = from + 8;
    else
        return 0;
    from = skip_uri(data, host, to, EN_HTTP_HOST);
    return from > host ? from : 0;
}

int en_http_read_target(struct en_http_reader *reader, const char *data, size_t from, size_t to)
{
    const char *method = data + reader->method.at;
    size_t path = from, path_end, query_end;

    /* CONNECT has a target of its own form and makes a tunnel, which nobody offers here. */
    if (reader->method.len == 7 && memcmp(method, "CONNECT", 7) == 0)
        return en_http_refuse(reader, 400, "CONNECT is for proxies");
    if (to - from == 1 && data[from] == '*' && reader->method.len == 7 &&
        memcmp(method, "OPTIONS", 7) == 0) {
        reader->path = (struct en_http_span){(uint32_t)from, 1};
        reader->query = (struct en_http_span){(uint32_t)to, 0};
        return 0;
    }
    if (from == to || data[from] != '/') {
        path = skip_authority(data, from, to);
        if (path == 0)
            return en_http_refuse(reader, 400, "bad request target");
    }

    path_end = path < to && data[path] == '/' ? skip_uri(data, path, to, EN_HTTP_PATH) : path;
    reader->path = (struct en_http_span){(uint32_t)path, (uint32_t)(path_end - path)};
    query_end = path_end;
    if (path_end < to && data[path_end] == '?') {
        path_end++;
        query_end = skip_uri(data, path_end, to, EN_HTTP_QUERY);
    }
    if (query_end != to)
        return en_http_refuse(reader, 400, "bad request target");
    reader->query = (struct en_http_span){(uint32_t)path_end, (uint32_t)(query_end - path_end)};
    return 0;
}
