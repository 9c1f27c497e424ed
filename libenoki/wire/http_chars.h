/*
 * http_chars.h - which characters may stand where in HTTP (RFC 9110, 9112, 3986).
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_HTTP_CHARS_H
#define EN_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EN_HTTP_TOKEN = 0x01, /* method, header name */
    EN_HTTP_FIELD = 0x02, /* header value: no control character but the tab */
    EN_HTTP_PATH = 0x04,  /* path of a URI, '/' and '%' included */
    EN_HTTP_QUERY = 0x08, /* query of a URI, and []{}|^`\ which browsers send as they are */
    EN_HTTP_HOST = 0x10,  /* host and port */
    EN_HTTP_HEX = 0x20,
};

extern const uint8_t en_http_chars[256];

static inline bool en_http_is(char c, unsigned classes)
{
    return (en_http_chars[(unsigned char)c] & classes) != 0;
}

bool en_http_is_field_text(const char *text, size_t len);

/* Compares with a NUL-terminated text in lower case; any case of ASCII letters matches. */
bool en_http_equals(const char *text, size_t len, const char *lower);

/* 0 to 15, or -1. */
int en_http_hex_value(char c);

#endif
