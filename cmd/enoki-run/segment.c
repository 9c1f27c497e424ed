#include "segment.h"

#include "wire/http_chars.h"

size_t segment_first(const struct en_text *path, char *out, size_t size, struct en_text *subpath)
{
    size_t at = 0, len = 0;

    while (at < path->len && path->data[at] == '/')
        at++;
    while (at < path->len && path->data[at] != '/' && len < size) {
        int high = -1, low = -1;

        if (path->data[at] == '%' && path->len - at >= 3) {
            high = en_http_hex_value(path->data[at + 1]);
            low = en_http_hex_value(path->data[at + 2]);
        }
        out[len++] = (char)(high >= 0 && low >= 0 ? high << 4 | low : path->data[at]);
        at += high >= 0 && low >= 0 ? 3 : 1;
    }
    *subpath = (struct en_text){path->data + at, path->len - at};
    return len;
}
