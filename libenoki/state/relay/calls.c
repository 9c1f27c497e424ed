#include "state/relay/calls.h"

#include "base/clock.h"
#include "state/items.h"

#include <string.h>

/* A day: what is longer is never meant. */
#define TIME_MAX_MS 86400000u

/* --- reading -----------------------------------------------------------------------------------
 */

static bool take_id(struct en_frame_reader *reader, char out[ENOKI_NAME_MAX + 1])
{
    size_t len;
    const char *id = en_frame_take_bytes(reader, &len);

    /* Too long, or with a NUL in it: left to the state's own check to refuse. */
    if (len > ENOKI_NAME_MAX || memchr(id, '\0', len) != NULL)
        len = 0;
    memcpy(out, id, len);
    out[len] = '\0';
    return !reader->is_bad;
}

/* Entries of an item with versions alone: what an expectation is. */
static int take_versions(struct en_frame_reader *reader, const char *id, struct enoki_items **out)
{
    struct en_frame_reader again = *reader;
    struct en_items_plan plan = {0};
    uint32_t count = en_frame_take_u32(reader);
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < count && !reader->is_bad; i++) {
        struct en_version_view view;
        size_t len;
        const void *bytes = en_frame_take_bytes(reader, &len);

        if (reader->is_bad || en_version_view_read(bytes, len, &view) != 0 || view.len != len)
            return ENOKI_EPROTO;
        rc = en_items_plan_add(&plan, strlen(id), len, 0);
    }
    if (reader->is_bad)
        return ENOKI_EPROTO;
    if (rc == 0)
        rc = en_items_new(out, &plan);
    (void)en_frame_take_u32(&again);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        struct en_items_entry entry = {.id = id, .id_len = strlen(id)};

        entry.version.bytes = en_frame_take_bytes(&again, &entry.version.len);
        en_items_add(*out, &entry);
    }
    return rc;
}

int en_relay_items(const void *payload, size_t len, struct enoki_items **out)
{
    struct en_frame_reader reader = {payload, len, false}, again;
    struct en_items_plan plan = {0};
    bool is_stale = en_frame_take_u8(&reader) != 0;
    uint32_t count = en_frame_take_u32(&reader);
    int rc = 0;

    again = reader;
    for (uint32_t i = 0; rc == 0 && i < count && !reader.is_bad; i++) {
        struct en_version_view view;
        size_t id_len, version_len, value_len;
        const void *version;

        (void)en_frame_take_bytes(&reader, &id_len);
        version = en_frame_take_bytes(&reader, &version_len);
        (void)en_frame_take_bytes(&reader, &value_len);
        if (reader.is_bad || en_version_view_read(version, version_len, &view) != 0 ||
            view.len != version_len)
            return ENOKI_EPROTO;
        rc = en_items_plan_add(&plan, id_len, version_len, value_len);
    }
    if (!en_frame_is_at_end(&reader))
        return ENOKI_EPROTO;
    if (rc == 0)
        rc = en_items_new(out, &plan);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        struct en_items_entry entry;

        entry.id = en_frame_take_bytes(&again, &entry.id_len);
        entry.version.bytes = en_frame_take_bytes(&again, &entry.version.len);
        entry.value = en_frame_take_bytes(&again, &entry.value_len);
        en_items_add(*out, &entry);
    }
    if (rc == 0 && is_stale)
        en_items_mark_stale(*out);
    return rc;
}

int en_relay_failure(const void *payload, size_t len, struct enoki_error *err)
{
    struct en_frame_reader reader = {payload, len, false};
    int status = (int)en_frame_take_u32(&reader);
    size_t text_len;
    const char *text = en_frame_take_bytes(&reader, &text_len);

    if (!en_frame_is_at_end(&reader) || status >= 0 || text_len == 0 || text[0] == '\0')
        return enoki_error_set(err, ENOKI_EPROTO,
                               "the runtime's parent sent an error that is none");
    return enoki_error_set(err, status, "%.*s", (int)(text_len < 500 ? text_len : 500), text);
}

/* --- answers -----------------------------------------------------------------------------------
 */

int en_relay_fail(struct en_buffer *out, uint64_t call, const struct enoki_error *err)
{
    size_t at;
    int rc = en_frame_begin(out, EN_FRAME_FAILED, call, &at);

    if (rc == 0)
        rc = en_frame_put_u32(out, (uint32_t)err->status);
    if (rc == 0)
        rc = en_frame_put_bytes(out, err->message, strlen(err->message));
    return rc == 0 ? en_frame_end(out, at) : rc;
}

static int answer_items(struct en_buffer *out, uint64_t call, const struct enoki_items *items)
{
    size_t at, count = enoki_items_count(items);
    int rc = en_frame_begin(out, EN_FRAME_ITEMS, call, &at);

    if (rc == 0)
        rc = en_frame_put_u8(out, enoki_items_is_stale(items) != 0);
    if (rc == 0)
        rc = en_frame_put_u32(out, (uint32_t)count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct en_version_view version = en_version_view(enoki_items_version(items, i));
        const char *id = enoki_items_id(items, i);
        size_t len;
        const void *value = enoki_items_value(items, i, &len);

        rc = en_frame_put_bytes(out, id, strlen(id));
        if (rc == 0)
            rc = en_frame_put_bytes(out, version.bytes, version.len);
        if (rc == 0)
            rc = en_frame_put_bytes(out, value, len);
    }
    return rc == 0 ? en_frame_end(out, at) : rc;
}

static int answer_text(struct en_buffer *out, enum en_frame_type type, uint64_t call,
                       const char *text)
{
    size_t at;
    int rc = en_frame_begin(out, type, call, &at);

    if (rc == 0 && text != NULL)
        rc = en_frame_put_bytes(out, text, strlen(text));
    return rc == 0 ? en_frame_end(out, at) : rc;
}

/* --- calls -------------------------------------------------------------------------------------
 */

struct call {
    struct enoki_state *state;
    const struct en_frame_head *head;
    struct en_frame_reader reader;
    struct en_buffer *out;
};

/* The answer of a call that handed out items, or failed. */
static int finish(const struct call *call, int rc, struct enoki_items *items,
                  const struct enoki_error *err)
{
    rc = rc == 0 ? answer_items(call->out, call->head->call, items)
                 : en_relay_fail(call->out, call->head->call, err);
    enoki_items_free(items);
    return rc;
}

static int run_read(struct call *call)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    char id[ENOKI_NAME_MAX + 1];
    int rc;

    if (!take_id(&call->reader, id) || !en_frame_is_at_end(&call->reader))
        return ENOKI_EPROTO;
    rc = enoki_state_read(call->state, id, &items, &err);
    return finish(call, rc, items, &err);
}

static int run_scan(struct call *call)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    bool has_start = en_frame_take_u8(&call->reader) != 0;
    char start[ENOKI_NAME_MAX + 1];
    uint64_t count;
    int rc;

    if (!take_id(&call->reader, start))
        return ENOKI_EPROTO;
    count = en_frame_take_u64(&call->reader);
    if (!en_frame_is_at_end(&call->reader))
        return ENOKI_EPROTO;
    rc = call->head->type == EN_FRAME_KEYS
             ? enoki_state_keys(call->state, has_start ? start : NULL, count, &items, &err)
             : enoki_state_scan(call->state, has_start ? start : NULL, count, &items, &err);
    return finish(call, rc, items, &err);
}

static int write_item(struct call *call, const char *id, const struct enoki_expect *expect,
                      struct enoki_error *err)
{
    size_t len;
    const void *value;

    if (call->head->type == EN_FRAME_REMOVE)
        return enoki_state_remove(call->state, id, expect, err);
    value = en_frame_take_bytes(&call->reader, &len);
    return enoki_state_update(call->state, id, value, len, expect, err);
}

/* What is left of a write's payload: a value, or nothing. */
static bool is_whole(const struct call *call)
{
    struct en_frame_reader rest = call->reader;
    size_t len;

    if (call->head->type != EN_FRAME_REMOVE)
        (void)en_frame_take_bytes(&rest, &len);
    return en_frame_is_at_end(&rest);
}

static int run_write(struct call *call)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *versions = NULL;
    struct enoki_expect expect = {sizeof(expect), NULL};
    char id[ENOKI_NAME_MAX + 1];
    bool expects;
    int rc = 0;

    if (!take_id(&call->reader, id))
        return ENOKI_EPROTO;
    expects = en_frame_take_u8(&call->reader) != 0;
    if (expects)
        rc = take_versions(&call->reader, id, &versions);
    if (rc == 0 && !is_whole(call))
        rc = ENOKI_EPROTO;
    if (rc != 0) {
        enoki_items_free(versions);
        return rc;
    }
    expect.items = versions;
    rc = write_item(call, id, expects ? &expect : NULL, &err);
    enoki_items_free(versions);
    return rc == 0 ? answer_text(call->out, EN_FRAME_DONE, call->head->call, NULL)
                   : en_relay_fail(call->out, call->head->call, &err);
}

static int run_append(struct call *call)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    char id[ENOKI_APPEND_ID_BYTES];
    size_t len;
    const void *value = en_frame_take_bytes(&call->reader, &len);

    if (!en_frame_is_at_end(&call->reader))
        return ENOKI_EPROTO;
    if (enoki_state_append(call->state, value, len, id, &err) != 0)
        return en_relay_fail(call->out, call->head->call, &err);
    return answer_text(call->out, EN_FRAME_APPENDED, call->head->call, id);
}

int en_relay_run(struct enoki_state *state, const struct en_frame_head *head, const void *payload,
                 struct en_buffer *out)
{
    struct call call = {state, head, {payload, head->len, false}, out};
    uint64_t left_ms = en_frame_take_u64(&call.reader);

    enoki_state_set_deadline(state,
                             en_clock_ms() + (left_ms < TIME_MAX_MS ? left_ms : TIME_MAX_MS));
    switch (head->type) {
    case EN_FRAME_READ:
        return run_read(&call);
    case EN_FRAME_SCAN:
    case EN_FRAME_KEYS:
        return run_scan(&call);
    case EN_FRAME_UPDATE:
    case EN_FRAME_REMOVE:
        return run_write(&call);
    case EN_FRAME_APPEND:
        return run_append(&call);
    default:
        return ENOKI_EPROTO;
    }
}
