#include "invoke/request.h"

#include "base/checked.h"
#include "wire/http_chars.h"
#include "wire/http_reader.h"

#include <string.h>

/* What a reply keeps from call to call. */
#define KEEP_HEADER_BYTES 4096u
#define KEEP_BODY_BYTES 65536u

static bool same_name(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char x = a[i], y = b[i];

        if (x == y)
            continue;
        if ((x | 0x20) != (y | 0x20) || (x | 0x20) < 'a' || (x | 0x20) > 'z')
            return false;
    }
    return true;
}

const struct en_text *en_request_header(const struct en_request *request, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < request->header_count; i++) {
        const struct en_header *header = &request->headers[i];

        if (header->name.len == len && same_name(header->name.data, name, len))
            return &header->value;
    }
    return NULL;
}

uint64_t en_request_timeout_ms(const struct en_request *request, uint64_t most_ms)
{
    const struct en_text *given = en_request_header(request, "X-Enoki-Timeout");
    uint64_t ms;

    return given != NULL && en_parse_u64(given->data, given->len, most_ms, &ms) ? ms : most_ms;
}

void en_reply_init(struct en_reply *reply, size_t max_body_bytes)
{
    *reply = (struct en_reply){
        .status = 200,
        .headers = EN_BUFFER_INIT(EN_REPLY_HEADERS_BYTES),
        .body = EN_BUFFER_INIT(max_body_bytes),
    };
}

void en_reply_reset(struct en_reply *reply)
{
    reply->status = 200;
    reply->has_content_type = false;
    reply->is_ours = false;
    reply->header_count = 0;
    en_buffer_clear(&reply->headers, KEEP_HEADER_BYTES);
    en_buffer_clear(&reply->body, KEEP_BODY_BYTES);
}

void en_reply_fini(struct en_reply *reply)
{
    en_buffer_fini(&reply->headers);
    en_buffer_fini(&reply->body);
}

static bool is_ours(const char *name, size_t len)
{
    return en_http_equals(name, len, "content-length") || en_http_equals(name, len, "date") ||
           en_http_is_hop_by_hop(name, len);
}

static int check_header(const char *name, size_t name_len, const char *value, size_t value_len,
                        struct enoki_error *err)
{
    for (size_t i = 0; i < name_len; i++)
        if (!en_http_is(name[i], EN_HTTP_TOKEN))
            name_len = 0;
    if (name_len == 0)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%s' is no header name: use letters, digits and '-'", name);
    if (is_ours(name, name_len))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "the header '%s' is set by the runtime: leave it out", name);
    if (!en_http_is_field_text(value, value_len))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "the value of header '%s' has a control character: encode it", name);
    return 0;
}

/* There is one content type: the last one that was set. */
static void drop_content_type(struct en_reply *reply)
{
    struct en_buffer *lines = &reply->headers;
    char *line = lines->data, *end = lines->data + lines->len;

    while (line < end) {
        char *next = (char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        char *colon = memchr(line, ':', (size_t)(next - line));

        if (en_http_equals(line, (size_t)(colon - line), "content-type")) {
            memmove(line, next, (size_t)(end - next) + 1);
            lines->len -= (size_t)(next - line);
            reply->header_count--;
            return;
        }
        line = next;
    }
}

/* There is room for it. */
static void append_line(struct en_buffer *lines, const char *name, size_t name_len,
                        const char *value, size_t value_len)
{
    char *to = lines->data + lines->len;

    memcpy(to, name, name_len);
    memcpy(to + name_len, ": ", 2);
    memcpy(to + name_len + 2, value, value_len);
    memcpy(to + name_len + 2 + value_len, "\r\n", 3);
    lines->len += name_len + value_len + 4;
}

int en_reply_add_header(struct en_reply *reply, const char *name, const char *value,
                        struct enoki_error *err)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    bool is_type = en_http_equals(name, name_len, "content-type");
    bool replaces = is_type && reply->has_content_type;
    int rc = check_header(name, name_len, value, value_len, err);

    if (rc != 0)
        return rc;
    if (reply->header_count == EN_REPLY_HEADERS_MAX && !replaces)
        return enoki_error_set(err, ENOKI_ELIMIT,
                               "header '%s' is one too many: a reply has at most %u", name,
                               EN_REPLY_HEADERS_MAX);
    rc = en_buffer_reserve(&reply->headers, name_len + value_len + 4);
    if (rc == ENOKI_ELIMIT)
        return enoki_error_set(err, rc,
                               "with header '%s' the reply's headers are longer than %u bytes",
                               name, EN_REPLY_HEADERS_BYTES);
    if (rc != 0)
        return enoki_error_set(err, rc, "out of memory for header '%s'", name);

    if (replaces)
        drop_content_type(reply);
    append_line(&reply->headers, name, name_len, value, value_len);
    reply->header_count++;
    reply->has_content_type |= is_type;
    return 0;
}

void en_reply_text(struct en_reply *reply, int status, const char *text)
{
    size_t len = strlen(text);

    en_reply_reset(reply);
    reply->status = status;
    if (len > reply->body.max)
        len = reply->body.max;
    if (en_buffer_append(&reply->body, text, len) != 0)
        reply->body.len = 0;
}

int en_reply_add_headers(struct en_reply *reply, const struct en_header *headers, size_t count)
{
    struct en_buffer texts = EN_BUFFER_INIT(EN_REPLY_HEADERS_BYTES + 2);
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct en_header *header = &headers[i];

        /* A NUL inside cuts the text here, and its rest is no header's. */
        texts.len = 0;
        rc = en_buffer_append(&texts, header->name.data, header->name.len);
        if (rc == 0)
            rc = en_buffer_append(&texts, "", 1);
        if (rc == 0)
            rc = en_buffer_append(&texts, header->value.data, header->value.len);
        if (rc == 0)
            rc = en_reply_add_header(reply, texts.data, texts.data + header->name.len + 1, NULL);
    }
    en_buffer_fini(&texts);
    return rc;
}

size_t en_reply_split_headers(const struct en_reply *reply, struct en_header *headers)
{
    const char *line = reply->headers.data;
    const char *end = line + reply->headers.len;
    size_t count = 0;

    while (line < end && count < EN_REPLY_HEADERS_MAX) {
        const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        const char *colon = memchr(line, ':', (size_t)(next - line));

        headers[count].name = (struct en_text){line, (size_t)(colon - line)};
        headers[count++].value = (struct en_text){colon + 2, (size_t)(next - 4 - colon)};
        line = next;
    }
    return count;
}

struct en_answer_record en_reply_record(const struct en_reply *reply)
{
    return (struct en_answer_record){
        .status = reply->status,
        .has_content_type = reply->has_content_type,
        .is_ours = reply->is_ours,
        .header_count = reply->header_count,
        .headers = {reply->headers.data, reply->headers.len},
        .body = {reply->body.data, reply->body.len},
    };
}

void en_reply_init_from(struct en_reply *reply, const struct en_answer_record *answer)
{
    en_reply_init(reply, answer->body.len);
    reply->headers.max = answer->headers.len;
    reply->status = answer->status;
    reply->has_content_type = answer->has_content_type;
    reply->is_ours = answer->is_ours;
    reply->header_count = answer->header_count;
    if (en_buffer_append(&reply->headers, answer->headers.data, answer->headers.len) != 0 ||
        en_buffer_append(&reply->body, answer->body.data, answer->body.len) != 0)
        en_reply_text(reply, 500, "out of memory for the reply\n");
}

bool en_request_method_is(const struct en_request *request, const char *method)
{
    return strcmp(request->method.data, method) == 0;
}
