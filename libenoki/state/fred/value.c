#include "state/fred/value.h"

#include "base/utf8.h"

#include <string.h>

#define MARK "enoki:"
#define AS_BASE64 MARK "b64:"
#define AS_TEXT MARK "txt:"

static bool begins_with(const char *text, size_t len, const char *begin)
{
    return len >= strlen(begin) && memcmp(text, begin, strlen(begin)) == 0;
}

int en_fred_value_encode(const struct en_tls_api *api, const void *value, size_t len,
                         struct en_buffer *room, const void **out, size_t *len_out)
{
    bool is_text = en_utf8_is_valid(value, len);
    int rc;

    if (is_text && !begins_with(value, len, MARK)) {
        *out = value;
        *len_out = len;
        return 0;
    }
    rc = en_buffer_append_text(room, is_text ? AS_TEXT : AS_BASE64);
    if (rc == 0)
        rc = is_text ? en_buffer_append(room, value, len) : api->base64_encode(room, value, len);
    if (rc == 0) {
        *out = room->data;
        *len_out = room->len;
    }
    return rc;
}

int en_fred_value_decode(const struct en_tls_api *api, const char *text, size_t len,
                         struct en_buffer *room, const void **out, size_t *len_out)
{
    int rc;

    *out = text;
    *len_out = len;
    if (begins_with(text, len, AS_TEXT MARK)) {
        *out = text + strlen(AS_TEXT);
        *len_out = len - strlen(AS_TEXT);
        return 0;
    }
    if (!begins_with(text, len, AS_BASE64))
        return 0;
    rc = api->base64_decode(room, text + strlen(AS_BASE64), len - strlen(AS_BASE64));
    /* An empty value, or one that is text after all, is none that encoding makes. */
    if (rc == 0 && room->len > 0 && !en_utf8_is_valid(room->data, room->len)) {
        *out = room->data;
        *len_out = room->len;
    }
    return rc == ENOKI_ENOMEM ? rc : 0;
}
