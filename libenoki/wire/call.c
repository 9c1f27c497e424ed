#include "wire/call.h"

#include "base/checked.h"

#include <string.h>

static int put_text(struct en_buffer *out, const struct en_text *text)
{
    uint64_t len = text->len;
    int rc = en_buffer_append(out, &len, sizeof(len));

    if (rc == 0)
        rc = en_buffer_append(out, text->data, text->len);
    return rc == 0 ? en_buffer_append(out, "", 1) : rc;
}

int en_call_encode(struct en_buffer *out, const struct en_call_record *call)
{
    const struct en_request *request = &call->request;
    uint64_t numbers[2] = {call->subpath_len, request->header_count};
    int rc = en_buffer_append(out, numbers, sizeof(numbers));

    if (rc == 0)
        rc = put_text(out, &request->method);
    if (rc == 0)
        rc = put_text(out, &request->path);
    if (rc == 0)
        rc = put_text(out, &request->query);
    for (size_t i = 0; i < request->header_count && rc == 0; i++) {
        rc = put_text(out, &request->headers[i].name);
        if (rc == 0)
            rc = put_text(out, &request->headers[i].value);
    }
    return rc == 0 ? put_text(out, &request->body) : rc;
}

/* What is left to read. */
struct source {
    const char *at;
    size_t left;
};

static bool get_number(struct source *source, uint64_t *out)
{
    if (source->left < sizeof(*out))
        return false;
    memcpy(out, source->at, sizeof(*out));
    source->at += sizeof(*out);
    source->left -= sizeof(*out);
    return true;
}

static bool get_text(struct source *source, struct en_text *out)
{
    uint64_t len;

    if (!get_number(source, &len) || len >= source->left || source->at[len] != '\0')
        return false;
    out->data = source->at;
    out->len = (size_t)len;
    source->at += len + 1;
    source->left -= (size_t)len + 1;
    return true;
}

int en_call_decode(struct en_call_record *call, struct en_header *headers, const char *bytes,
                   size_t len)
{
    struct en_request *request = &call->request;
    struct source source = {bytes, len};
    uint64_t subpath, count;
    bool good = get_number(&source, &subpath) && get_number(&source, &count) &&
                count <= EN_HEADERS_MAX && get_text(&source, &request->method) &&
                get_text(&source, &request->path) && get_text(&source, &request->query) &&
                subpath <= request->path.len;

    for (uint64_t i = 0; good && i < count; i++)
        good = get_text(&source, &headers[i].name) && get_text(&source, &headers[i].value);
    if (!good || !get_text(&source, &request->body) || source.left != 0)
        return ENOKI_EPROTO;
    request->headers = headers;
    request->header_count = (size_t)count;
    call->subpath_len = (size_t)subpath;
    return 0;
}

struct answer_head {
    uint32_t status;
    uint32_t has_content_type;
    uint64_t header_count;
    uint64_t headers_len;
    uint64_t body_len;
};

_Static_assert(sizeof(struct answer_head) == EN_ANSWER_HEAD_BYTES, "no padding");

void en_answer_encode_head(char out[EN_ANSWER_HEAD_BYTES], const struct en_answer_record *answer)
{
    const struct answer_head head = {
        .status = (uint32_t)answer->status,
        .has_content_type = answer->has_content_type ? 1 : 0,
        .header_count = answer->header_count,
        .headers_len = answer->headers.len,
        .body_len = answer->body.len,
    };

    memcpy(out, &head, sizeof(head));
}

/* Lines "name: value" that each end in CR LF and hold no other control character but tab. */
static bool are_lines(const struct en_text *text)
{
    bool line_start = true;

    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        if (c == '\r') {
            if (line_start || i + 1 >= text->len || text->data[i + 1] != '\n')
                return false;
            i++;
            line_start = true;
            continue;
        }
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
        line_start = false;
    }
    return line_start;
}

int en_answer_decode(struct en_answer_record *answer, const char *bytes, size_t len)
{
    struct answer_head head;
    size_t total;

    if (len < sizeof(head))
        return ENOKI_EPROTO;
    memcpy(&head, bytes, sizeof(head));
    if (head.status < 200 || head.status > 599 ||
        !en_add_size(head.headers_len, head.body_len, &total) || total != len - sizeof(head))
        return ENOKI_EPROTO;
    answer->status = (int)head.status;
    answer->has_content_type = head.has_content_type != 0;
    answer->is_ours = false;
    answer->header_count = (size_t)head.header_count;
    answer->headers = (struct en_text){bytes + sizeof(head), (size_t)head.headers_len};
    answer->body =
        (struct en_text){answer->headers.data + answer->headers.len, (size_t)head.body_len};
    return are_lines(&answer->headers) ? 0 : ENOKI_EPROTO;
}
