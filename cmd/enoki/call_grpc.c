#include "calls.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <tinyfaas/tinyfaas.pb-c.h>

/* In front of a message: whether it is compressed, and its length, most significant byte first. */
#define FRAME_BYTES 5u
#define REPLY_MAX_BYTES (256u << 20)

static const char *const names[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

char *grpc_wrap(const struct call *call, size_t *len_out)
{
    Openfogstack__Tinyfaas__Tinyfaas__Data data = OPENFOGSTACK__TINYFAAS__TINYFAAS__DATA__INIT;
    size_t len;
    unsigned char *frame;

    data.functionidentifier.data = (uint8_t *)(uintptr_t)call->function;
    data.functionidentifier.len = strlen(call->function);
    data.data.data = (uint8_t *)(uintptr_t)call->body;
    data.data.len = call->len;
    len = openfogstack__tinyfaas__tinyfaas__data__get_packed_size(&data);
    frame = len > UINT32_MAX ? NULL : malloc(len + FRAME_BYTES);
    if (frame == NULL)
        return NULL;
    frame[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        frame[1 + i] = (unsigned char)(len >> (24 - 8 * i));
    (void)openfogstack__tinyfaas__tinyfaas__data__pack(&data, frame + FRAME_BYTES);
    *len_out = len + FRAME_BYTES;
    return (char *)frame;
}

/* The value of "NAME: VALUE\r\n"; false: it is another header. */
static bool value_of(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t skip = strlen(name);

    if (len <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
        return false;
    skip++;
    while (skip < len && line[skip] == ' ')
        skip++;
    while (len > skip && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    (void)snprintf(out, size, "%.*s", (int)(len - skip), line + skip);
    return true;
}

void grpc_read_header(struct grpc_end *end, const char *line, size_t len)
{
    char text[256];

    if (value_of(line, len, "grpc-status", text, sizeof(text))) {
        end->status = text[0] < '0' || text[0] > '9' ? -1 : (int)strtol(text, NULL, 10);
    } else if (value_of(line, len, "grpc-message", text, sizeof(text))) {
        int plain_len = 0; /* it comes percent-encoded */
        char *plain = curl_easy_unescape(NULL, text, 0, &plain_len);

        (void)snprintf(end->message, sizeof(end->message), "%s", plain == NULL ? text : plain);
        curl_free(plain);
    }
}

static int unpack(struct outcome *outcome, struct enoki_error *err)
{
    const unsigned char *frame = (const unsigned char *)outcome->body;
    Openfogstack__Tinyfaas__Tinyfaas__Response *response = NULL;
    size_t len = 0;
    char *body;

    if (outcome->len >= FRAME_BYTES)
        len = (size_t)frame[1] << 24 | (size_t)frame[2] << 16 | (size_t)frame[3] << 8 | frame[4];
    if (outcome->len >= FRAME_BYTES && frame[0] == 0 && len == outcome->len - FRAME_BYTES)
        response =
            openfogstack__tinyfaas__tinyfaas__response__unpack(NULL, len, frame + FRAME_BYTES);
    if (response == NULL)
        return enoki_error_set(err, ENOKI_EPROTO,
                               "what answers over gRPC sent no message that "
                               "can be read");
    body = malloc(response->response.len + 1);
    if (body != NULL) {
        if (response->response.len > 0)
            memcpy(body, response->response.data, response->response.len);
        body[response->response.len] = '\0';
        free(outcome->body);
        outcome->body = body;
        outcome->len = response->response.len;
    }
    openfogstack__tinyfaas__tinyfaas__response__free_unpacked(response, NULL);
    return body == NULL ? enoki_error_set(err, ENOKI_ENOMEM, "no memory for the answer") : 0;
}

int grpc_unwrap(const struct grpc_end *end, struct outcome *outcome, struct enoki_error *err)
{
    size_t known = sizeof(names) / sizeof(names[0]);
    int rc = 0;

    if (end->status < 0)
        rc = enoki_error_set(err, ENOKI_EPROTO, "what answers over HTTP/2 is no gRPC server");
    else if (end->status == 0)
        rc = unpack(outcome, err);
    if (rc != 0) {
        outcome_fini(outcome);
        return rc;
    }
    outcome->ok = end->status == 0;
    if (!outcome->ok) {
        free(outcome->body);
        outcome->body = end->message[0] == '\0' ? NULL : strdup(end->message);
        outcome->len = outcome->body == NULL ? 0 : strlen(outcome->body);
    }
    (void)snprintf(outcome->status, sizeof(outcome->status), "%s",
                   (size_t)end->status < known ? names[end->status] : "an unknown status");
    return 0;
}
