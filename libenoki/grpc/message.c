#include "grpc/message.h"

#include "wire/http_chars.h"
#include "base/utf8.h"

#include <grpc/status.h>
#include <tinyfaas/tinyfaas.pb-c.h>

#include <string.h>

#define HEADERS_MAX_BYTES 131072u

const char *en_grpc_data_read(struct en_grpc_data *out, const void *bytes, size_t len)
{
    Openfogstack__Tinyfaas__Tinyfaas__Data *data;

    en_rpc_arena_init(&out->arena, len);
    data = openfogstack__tinyfaas__tinyfaas__data__unpack(&out->arena.allocator, len, bytes);
    if (data == NULL)
        return out->arena.is_out_of_memory ? "no memory for this call: try again later"
                                           : "the message is no Data of tinyfaas.proto";
    out->function = (struct en_text){(const char *)data->functionidentifier.data,
                                     data->functionidentifier.len};
    out->body = (struct en_text){(const char *)data->data.data, data->data.len};
    if (out->function.len == 0)
        out->function.data = "";
    if (out->body.len == 0)
        out->body.data = "";
    if (!en_utf8_is_valid(out->function.data, out->function.len))
        return "functionIdentifier is not UTF-8";
    if (!en_utf8_is_valid(out->body.data, out->body.len))
        return "data is not UTF-8: a string of gRPC is text; call over HTTP or CoAP with bytes";
    return NULL;
}

int en_grpc_response_write(struct en_buffer *out, const struct en_text *body)
{
    Openfogstack__Tinyfaas__Tinyfaas__Response response =
        OPENFOGSTACK__TINYFAAS__TINYFAAS__RESPONSE__INIT;
    size_t size;
    int rc;

    response.response = (ProtobufCBinaryData){body->len, (uint8_t *)(uintptr_t)body->data};
    size = openfogstack__tinyfaas__tinyfaas__response__get_packed_size(&response);
    rc = en_buffer_reserve(out, size + 1);
    if (rc == 0)
        out->len += openfogstack__tinyfaas__tinyfaas__response__pack(
            &response, (uint8_t *)out->data + out->len);
    return rc;
}

/* --- headers ------------------------------------------------------------------------------------
 */

/* Those are of a connection of HTTP's, and not of this call. */
static bool is_left_out(const char *name, size_t len)
{
    static const char *const names[] = {"host", "content-length", "transfer-encoding"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (en_http_equals(name, len, names[i]))
            return true;
    }
    for (size_t i = 0; i < len; i++) {
        if (!en_http_is(name[i], EN_HTTP_TOKEN))
            return true;
    }
    return len == 0;
}

/* Lower-case letters are made large behind a '-', and at the begin. */
static char canonical(const char *name, size_t at)
{
    bool is_first = at == 0 || name[at - 1] == '-';

    return is_first && name[at] >= 'a' && name[at] <= 'z' ? (char)(name[at] - 'a' + 'A') : name[at];
}

static bool has(const struct en_grpc_headers *headers, const char *name, size_t len)
{
    const char *at = headers->texts.data;

    for (size_t i = 0; i < headers->count; i++) {
        const struct en_header *header = &headers->headers[i];
        size_t same = 0;

        while (header->name.len == len && same < len && at[same] == canonical(name, same))
            same++;
        if (header->name.len == len && same == len)
            return true;
        at += header->name.len + header->value.len + 2;
    }
    return false;
}

int en_grpc_headers_add(struct en_grpc_headers *headers, const char *name, size_t name_len,
                        const void *value, size_t value_len)
{
    struct en_buffer *texts = &headers->texts;
    int rc;

    texts->max = HEADERS_MAX_BYTES;
    if (headers->count == EN_HEADERS_MAX || is_left_out(name, name_len) ||
        !en_http_is_field_text(value, value_len) || has(headers, name, name_len))
        return 0;
    rc = en_buffer_reserve(texts, name_len + value_len + 2);
    if (rc != 0)
        return rc == ENOKI_ELIMIT ? 0 : rc;
    for (size_t i = 0; i < name_len; i++)
        texts->data[texts->len++] = canonical(name, i);
    texts->data[texts->len++] = '\0';
    memcpy(texts->data + texts->len, value, value_len);
    texts->len += value_len;
    texts->data[texts->len++] = '\0';
    headers->headers[headers->count].name.len = name_len;
    headers->headers[headers->count++].value.len = value_len;
    return 0;
}

void en_grpc_headers_settle(struct en_grpc_headers *headers)
{
    const char *at = headers->texts.data;

    for (size_t i = 0; i < headers->count; i++) {
        headers->headers[i].name.data = at;
        at += headers->headers[i].name.len + 1;
        headers->headers[i].value.data = at;
        at += headers->headers[i].value.len + 1;
    }
}

/* --- answers ------------------------------------------------------------------------------------
 */

int en_grpc_code(const struct en_listener_answer *answer)
{
    static const struct {
        int status;
        grpc_status_code code;
    } codes[] = {
        {400, GRPC_STATUS_INVALID_ARGUMENT},   {401, GRPC_STATUS_UNAUTHENTICATED},
        {403, GRPC_STATUS_PERMISSION_DENIED},  {404, GRPC_STATUS_NOT_FOUND},
        {408, GRPC_STATUS_DEADLINE_EXCEEDED},  {409, GRPC_STATUS_ABORTED},
        {412, GRPC_STATUS_FAILED_PRECONDITION}, {413, GRPC_STATUS_RESOURCE_EXHAUSTED},
        {429, GRPC_STATUS_RESOURCE_EXHAUSTED}, {499, GRPC_STATUS_CANCELLED},
        {501, GRPC_STATUS_UNIMPLEMENTED},      {502, GRPC_STATUS_INTERNAL},
        {503, GRPC_STATUS_UNAVAILABLE},        {504, GRPC_STATUS_DEADLINE_EXCEEDED},
    };

    if (answer->status < 400)
        return GRPC_STATUS_OK;
    if (answer->status == 503 && answer->is_overload)
        return GRPC_STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].status == answer->status)
            return (int)codes[i].code;
    }
    return GRPC_STATUS_UNKNOWN;
}
