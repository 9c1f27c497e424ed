#include "state/session/records.h"

#include "wire/little.h"

#include <stdbool.h>
#include <string.h>

#define RECORD_HEAD_BYTES 12u
#define BODY_HEAD_BYTES 6u

enum flag { FLAG_REMOVED = 1, FLAG_CONFIRMED = 2 };

static uint64_t check_of(const unsigned char *bytes, size_t len)
{
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

/* A body's content, pointing into it; id_room holds the id with its NUL. */
static bool read_body(const unsigned char *body, size_t len, struct en_table_content *out,
                      char id_room[ENOKI_NAME_MAX + 1])
{
    size_t id_len, left;
    const unsigned char *at;

    if (len < BODY_HEAD_BYTES || body[0] == 0 || (body[1] & ~(FLAG_REMOVED | FLAG_CONFIRMED)) != 0)
        return false;
    id_len = body[0];
    if (len - BODY_HEAD_BYTES < id_len || memchr(body + BODY_HEAD_BYTES, '\0', id_len) != NULL)
        return false;
    memcpy(id_room, body + BODY_HEAD_BYTES, id_len);
    id_room[id_len] = '\0';
    at = body + BODY_HEAD_BYTES + id_len;
    left = len - BODY_HEAD_BYTES - id_len;
    *out = (struct en_table_content){id_room,
                                     at,
                                     left,
                                     en_load_u32(body + 2),
                                     (body[1] & FLAG_REMOVED) != 0,
                                     (body[1] & FLAG_CONFIRMED) != 0};
    for (uint32_t i = 0; i < out->count; i++) {
        struct en_version_view view;

        if (en_version_view_read(at, left, &view) != 0)
            return false;
        at += view.len;
        left -= view.len;
    }
    return left == 0;
}

size_t en_session_records_replay(const unsigned char *bytes, size_t len,
                                 int (*load)(void *context, const struct en_table_content *content),
                                 void *context, int *rc_out)
{
    char id[ENOKI_NAME_MAX + 1];
    size_t at = 0;

    *rc_out = 0;
    while (len - at >= RECORD_HEAD_BYTES) {
        size_t body_len = en_load_u32(bytes + at);
        const unsigned char *body = bytes + at + RECORD_HEAD_BYTES;
        struct en_table_content content;

        if (body_len == 0 || body_len > len - at - RECORD_HEAD_BYTES ||
            en_load_u64(bytes + at + 4) != check_of(body, body_len) ||
            !read_body(body, body_len, &content, id))
            break;
        *rc_out = load(context, &content);
        if (*rc_out != 0)
            break;
        at += RECORD_HEAD_BYTES + body_len;
    }
    return at;
}

size_t en_session_record_len(const struct en_table_content *content)
{
    return RECORD_HEAD_BYTES + BODY_HEAD_BYTES + strlen(content->id) + content->versions_len;
}

/* The length goes last: a record without it is not there. */
void en_session_record_write(unsigned char *to, const struct en_table_content *content)
{
    size_t id_len = strlen(content->id);
    size_t body_len = en_session_record_len(content) - RECORD_HEAD_BYTES;
    unsigned char *body = to + RECORD_HEAD_BYTES;

    body[0] = (unsigned char)id_len;
    body[1] = (unsigned char)((content->is_removed ? FLAG_REMOVED : 0) |
                              (content->is_confirmed ? FLAG_CONFIRMED : 0));
    en_store_u32(body + 2, content->count);
    memcpy(body + BODY_HEAD_BYTES, content->id, id_len);
    if (content->versions_len > 0)
        memcpy(body + BODY_HEAD_BYTES + id_len, content->versions, content->versions_len);
    en_store_u64(to + 4, check_of(body, body_len));
    __atomic_signal_fence(__ATOMIC_RELEASE);
    en_store_u32(to, (uint32_t)body_len);
}
