#include "base/clock.h"
#include "invoke/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMATTED_BYTES 512
#define STATUS_MIN 200
#define STATUS_MAX 599

const struct enoki_env *enoki_call_env(const struct enoki_call *call)
{
    return call->env;
}

int enoki_call_state(const struct enoki_call *call, struct enoki_state **out,
                     struct enoki_error *err)
{
    return enoki_env_state(call->env, out, err);
}

static const char *text_or_empty(const struct en_text *text)
{
    return text == NULL || text->data == NULL ? "" : text->data;
}

const void *enoki_call_body(const struct enoki_call *call, size_t *len_out)
{
    if (len_out != NULL)
        *len_out = call->request->body.data == NULL ? 0 : call->request->body.len;
    return text_or_empty(&call->request->body);
}

const char *enoki_call_method(const struct enoki_call *call)
{
    return text_or_empty(&call->request->method);
}

const char *enoki_call_path(const struct enoki_call *call)
{
    return text_or_empty(&call->info->subpath);
}

const char *enoki_call_query(const struct enoki_call *call)
{
    return text_or_empty(&call->request->query);
}

const char *enoki_call_content_type(const struct enoki_call *call)
{
    return text_or_empty(en_request_header(call->request, "Content-Type"));
}

const char *enoki_call_header(const struct enoki_call *call, const char *name)
{
    const struct en_text *value = en_request_header(call->request, name);

    return value == NULL ? NULL : text_or_empty(value);
}

const char *enoki_call_header_at(const struct enoki_call *call, size_t index, const char **name_out)
{
    const struct en_header *header;

    if (index >= call->request->header_count)
        return NULL;
    header = &call->request->headers[index];
    if (name_out != NULL)
        *name_out = text_or_empty(&header->name);
    return text_or_empty(&header->value);
}

uint64_t enoki_call_id(const struct enoki_call *call)
{
    return call->info->id;
}

int64_t enoki_call_remaining_ms(const struct enoki_call *call)
{
    uint64_t now = en_clock_ms();
    uint64_t left;

    if (call->info->deadline_ms <= now)
        return 0;
    left = call->info->deadline_ms - now;
    return left > INT64_MAX ? INT64_MAX : (int64_t)left;
}

/* Makes the body len bytes long and keeps what is in it; a failure changes nothing. */
static int resize_body(struct en_buffer *body, size_t len, struct enoki_error *err)
{
    size_t more = len > body->len ? len - body->len : 0;
    int rc = en_buffer_reserve(body, more);

    if (rc == ENOKI_ELIMIT)
        return enoki_error_set(err, rc,
                               "a reply of %zu bytes is longer than limits.reply (--max-reply), "
                               "%zu bytes",
                               len, body->max);
    if (rc != 0)
        return enoki_error_set(err, rc, "out of memory for a reply of %zu bytes", len);
    body->len = len;
    body->data[len] = '\0';
    return 0;
}

int enoki_call_reply(struct enoki_call *call, const void *body, size_t len, struct enoki_error *err)
{
    struct en_buffer *reply = &call->reply->body;
    uintptr_t from = (uintptr_t)body;
    uintptr_t start = (uintptr_t)reply->data;
    int rc;

    /* Part of what enoki_call_reply_buffer() gave may come back: it fits where it is. */
    if (reply->data != NULL && from >= start && from - start <= reply->len &&
        len <= reply->len - (from - start)) {
        memmove(reply->data, body, len);
        reply->len = len;
        reply->data[len] = '\0';
        return 0;
    }
    rc = resize_body(reply, len, err);
    if (rc == 0 && len > 0)
        memcpy(reply->data, body, len);
    return rc;
}

int enoki_call_replyf(struct enoki_call *call, struct enoki_error *err, const char *format, ...)
{
    char small[FORMATTED_BYTES];
    char *large = NULL;
    va_list args, again;
    int len, rc;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(small, sizeof(small), format, args);
    if (len >= 0 && (size_t)len >= sizeof(small)) {
        large = malloc((size_t)len + 1);
        if (large != NULL)
            (void)vsnprintf(large, (size_t)len + 1, format, again);
    }
    va_end(again);
    va_end(args);

    if (len < 0)
        rc = enoki_error_set(err, ENOKI_EINVAL, "the format '%s' cannot be written", format);
    else if ((size_t)len >= sizeof(small) && large == NULL)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a reply of %d bytes", len);
    else
        rc = enoki_call_reply(call, large != NULL ? large : small, (size_t)len, err);
    free(large);
    return rc;
}

int enoki_call_reply_buffer(struct enoki_call *call, size_t len, void **out,
                            struct enoki_error *err)
{
    int rc = resize_body(&call->reply->body, len, err);

    if (rc == 0)
        *out = call->reply->body.data;
    return rc;
}

int enoki_call_reply_status(struct enoki_call *call, int status, struct enoki_error *err)
{
    if (status < STATUS_MIN || status > STATUS_MAX)
        return enoki_error_set(err, ENOKI_EINVAL, "reply status '%d' is not in %d to %d", status,
                               STATUS_MIN, STATUS_MAX);
    call->reply->status = status;
    return 0;
}

int enoki_call_reply_header(struct enoki_call *call, const char *name, const char *value,
                            struct enoki_error *err)
{
    return en_reply_add_header(call->reply, name, value, err);
}
