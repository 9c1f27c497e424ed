#include "state/relay/relay.h"

#include "base/clock.h"
#include "state/items.h"
#include "state/relay/link.h"
#include "state/uri.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELLO_TIMEOUT_MS 20000u

/* A write that was sent and not answered may have been done. One that does not depend on what was
 * there may simply be repeated: its timeout stays one. */
static int write_result(const struct en_relay_call *call, int rc, bool may_repeat,
                        struct enoki_error *err)
{
    struct enoki_error why;

    if (!call->is_lost || (rc == ENOKI_ETIMEOUT && may_repeat))
        return rc;
    if (err == NULL)
        return ENOKI_EUNCERTAIN;
    why = *err;
    return enoki_error_set(err, ENOKI_EUNCERTAIN, "%.300s; the write may or may not have been done",
                           why.message);
}

static int check_process(const struct en_relay_link *link, struct enoki_error *err)
{
    if (link->pid == getpid())
        return 0;
    return enoki_error_set(err, ENOKI_ECLOSED,
                           "the state was opened by the parent process: open it after the fork");
}

static int take_items(const struct en_relay_call *call, struct enoki_items **out,
                      struct enoki_error *err)
{
    int rc = en_relay_items(en_relay_payload(call), call->head.len, out);

    return rc == 0 ? 0
                   : enoki_error_set(err, rc, "items from the process that keeps the state: %s",
                                     enoki_error_text(rc));
}

static int relay_read(void *self, uint64_t deadline_ms, const char *id, struct enoki_items **out,
                      struct enoki_error *err)
{
    struct en_relay_link *link = self;
    struct en_relay_call call;
    int rc = check_process(link, err);

    if (rc != 0)
        return rc;
    en_relay_begin(&call, link, EN_FRAME_READ, deadline_ms);
    en_relay_put(&call, id, strlen(id));
    rc = en_relay_ask(&call, EN_FRAME_ITEMS, err);
    if (rc == 0)
        rc = take_items(&call, out, err);
    en_relay_end(&call);
    return rc;
}

static int relay_scan(void *self, uint64_t deadline_ms, const char *start, uint64_t count,
                      bool with_values, struct enoki_items **out, struct enoki_error *err)
{
    struct en_relay_link *link = self;
    struct en_relay_call call;
    int rc = check_process(link, err);

    if (rc != 0)
        return rc;
    en_relay_begin(&call, link, with_values ? EN_FRAME_SCAN : EN_FRAME_KEYS, deadline_ms);
    en_relay_put_u8(&call, start != NULL);
    en_relay_put(&call, start != NULL ? start : "", start != NULL ? strlen(start) : 0);
    if (call.rc == 0)
        call.rc = en_frame_put_u64(&link->exchange.output, count);
    rc = en_relay_ask(&call, EN_FRAME_ITEMS, err);
    if (rc == 0)
        rc = take_items(&call, out, err);
    en_relay_end(&call);
    return rc;
}

static void put_expectation(struct en_relay_call *call, const struct en_backend_write *write)
{
    const struct enoki_items *items = write->expect == NULL ? NULL : write->expect->items;
    uint32_t count = 0;

    en_relay_put_u8(call, write->expect != NULL);
    if (write->expect == NULL)
        return;
    for (size_t i = 0; i < enoki_items_count(items); i++)
        count += strcmp(enoki_items_id(items, i), write->id) == 0 ? 1 : 0;
    if (call->rc == 0)
        call->rc = en_frame_put_u32(&call->link->exchange.output, count);
    for (size_t i = 0; i < enoki_items_count(items); i++) {
        const struct en_version_view view = en_version_view(enoki_items_version(items, i));

        if (strcmp(enoki_items_id(items, i), write->id) == 0)
            en_relay_put(call, view.bytes, view.len);
    }
}

static int relay_write(void *self, uint64_t deadline_ms, const struct en_backend_write *write,
                       struct enoki_error *err)
{
    struct en_relay_link *link = self;
    struct en_relay_call call;
    int rc = check_process(link, err);

    if (rc != 0)
        return rc;
    en_relay_begin(&call, link, write->value == NULL ? EN_FRAME_REMOVE : EN_FRAME_UPDATE,
                   deadline_ms);
    en_relay_put(&call, write->id, strlen(write->id));
    put_expectation(&call, write);
    if (write->value != NULL)
        en_relay_put(&call, write->value, write->value_len);
    rc = en_relay_ask(&call, EN_FRAME_DONE, err);
    en_relay_end(&call);
    return write_result(&call, rc, write->expect == NULL, err);
}

static int relay_append(void *self, uint64_t deadline_ms, const void *value, size_t value_len,
                        char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err)
{
    struct en_relay_link *link = self;
    struct en_frame_reader reader;
    struct en_relay_call call;
    const char *id;
    size_t len;
    int rc = check_process(link, err);

    if (rc != 0)
        return rc;
    en_relay_begin(&call, link, EN_FRAME_APPEND, deadline_ms);
    en_relay_put(&call, value, value_len);
    rc = en_relay_ask(&call, EN_FRAME_APPENDED, err);
    if (rc == 0) {
        reader = (struct en_frame_reader){(const unsigned char *)en_relay_payload(&call),
                                          call.head.len, false};
        id = en_frame_take_bytes(&reader, &len);
        if (!en_frame_is_at_end(&reader) || len >= ENOKI_APPEND_ID_BYTES) {
            rc = enoki_error_set(err, ENOKI_EPROTO, "an id of %zu bytes was appended", len);
        } else {
            memcpy(id_out, id, len);
            id_out[len] = '\0';
        }
    }
    en_relay_end(&call);
    return write_result(&call, rc, false, err);
}

static int relay_import(void *self, uint64_t deadline_ms, const char *id,
                        const struct enoki_version *version, const void *value, size_t value_len,
                        struct enoki_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)version;
    (void)value;
    (void)value_len;
    return enoki_error_set(err, ENOKI_EINVAL, "item '%.100s' cannot be imported by a worker", id);
}

/* --- life --------------------------------------------------------------------------------------
 */

static void relay_close(void *self)
{
    struct en_relay_link *link = self;

    if (link == NULL)
        return;
    en_relay_link_fini(link);
    free(link);
}

static int greet(struct en_relay_link *link, const struct en_backend_settings *settings,
                 enum enoki_keygroup_kind *kind_out, struct enoki_error *err)
{
    struct en_frame_reader reader;
    struct en_relay_call call;
    const char *keygroup;
    uint16_t version;
    size_t len;
    int rc;

    en_relay_begin(&call, link, EN_FRAME_HELLO, en_clock_ms() + HELLO_TIMEOUT_MS);
    if (call.rc == 0)
        call.rc = en_buffer_append(&link->exchange.output, EN_FRAME_MAGIC, 4);
    if (call.rc == 0)
        call.rc = en_frame_put_u16(&link->exchange.output, EN_FRAME_VERSION);
    if (call.rc == 0)
        call.rc = en_frame_put_u16(&link->exchange.output, EN_FRAME_VERSION);
    rc = en_relay_ask(&call, EN_FRAME_WELCOME, err);
    if (rc == 0) {
        reader = (struct en_frame_reader){(const unsigned char *)en_relay_payload(&call),
                                          call.head.len, false};
        version = en_frame_take_u16(&reader);
        *kind_out = (enum enoki_keygroup_kind)en_frame_take_u8(&reader);
        (void)en_frame_take_u64(&reader);
        keygroup = en_frame_take_bytes(&reader, &len);
        if (!en_frame_is_at_end(&reader) || version != EN_FRAME_VERSION)
            rc = enoki_error_set(err, ENOKI_EPROTO,
                                 "the process that keeps the state speaks "
                                 "another protocol");
        else if (len != strlen(settings->keygroup) ||
                 memcmp(keygroup, settings->keygroup, len) != 0)
            rc = enoki_error_set(err, ENOKI_EDENIED,
                                 "keygroup '%.100s' is not this function's: it has '%.*s' only",
                                 settings->keygroup, (int)(len < 100 ? len : 100), keygroup);
    }
    en_relay_end(&call);
    return rc;
}

static int relay_open(void **self_out, const struct en_backend_settings *settings,
                      enum enoki_keygroup_kind *kind_out, struct enoki_error *err)
{
    struct en_relay_link *link = calloc(1, sizeof(*link));
    int rc;

    if (link == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a state handle");
    rc = en_relay_link_init(link, settings->uri->where, err);
    if (rc == 0)
        rc = greet(link, settings, kind_out, err);
    if (rc == 0)
        *self_out = link;
    else
        relay_close(link);
    return rc;
}

const struct en_backend en_relay_backend = {
    .scheme = "relay",
    .is_local = false,
    .open = relay_open,
    .close = relay_close,
    .read = relay_read,
    .scan = relay_scan,
    .write = relay_write,
    .append = relay_append,
    .import = relay_import,
};
