/* Calls of functions: TinyFaaS/Request. */
#include "grpc/message.h"
#include "grpc/server.h"

#include "base/utf8.h"

#include <grpc/support/time.h>

#include <stdlib.h>
#include <string.h>

static const char *text_of(const grpc_slice *slice)
{
    return (const char *)GRPC_SLICE_START_PTR(*slice);
}

/* Metadata as headers; what HTTP/2 took for itself is given as a tinyFaaS function sees it. */
static int read_headers(struct en_grpc_headers *out, const struct en_listener_call *call)
{
    static const char type[] = "application/grpc";
    int rc = en_grpc_headers_add(out, "content-type", strlen("content-type"), type, strlen(type));

    if (rc == 0)
        rc = en_grpc_headers_add(out, "authority", strlen("authority"),
                                 text_of(&call->details.host),
                                 GRPC_SLICE_LENGTH(call->details.host));
    for (size_t i = 0; i < call->metadata.count && rc == 0; i++) {
        const grpc_metadata *item = &call->metadata.metadata[i];

        rc = en_grpc_headers_add(out, text_of(&item->key), GRPC_SLICE_LENGTH(item->key),
                                 text_of(&item->value), GRPC_SLICE_LENGTH(item->value));
    }
    en_grpc_headers_settle(out);
    return rc;
}

static bool asks_for_async(const struct en_grpc_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (strcmp(headers->headers[i].name.data, "X-Tinyfaas-Async") == 0)
            return headers->headers[i].value.len > 0;
    }
    return false;
}

/* 0: the caller waits for ever. */
static uint64_t time_left_ms(gpr_timespec deadline)
{
    gpr_timespec left;
    int64_t ms;

    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0)
        return 0;
    left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
    ms = left.tv_sec * 1000 + left.tv_nsec / 1000000;
    return ms < 1 ? 1 : (uint64_t)ms;
}

static void call_function(struct en_listener_call *call, const struct en_grpc_data *data)
{
    struct en_grpc_headers headers = {.count = 0};
    struct en_listener_request request = {
        .function = data->function,
        .subpath = {"", 0},
        .query = {"", 0},
        .method = {"POST", 4},
        .body = data->body,
        .timeout_ms = time_left_ms(call->details.deadline),
    };

    if (read_headers(&headers, call) != 0) {
        en_grpc_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                     "no memory for this call: try again later");
    } else {
        request.headers = headers.headers;
        request.header_count = headers.count;
        request.is_async = asks_for_async(&headers);
        en_grpc_hand_over(call, &request);
    }
    en_buffer_fini(&headers.texts);
}

static void read_request(struct en_listener_call *call, grpc_byte_buffer *message)
{
    size_t max = call->listener->options.max_body_bytes;
    struct en_grpc_data data;
    const char *fault;
    grpc_slice slice;

    if (message == NULL) {
        en_grpc_fail(call, GRPC_STATUS_INVALID_ARGUMENT, "there is no message");
        return;
    }
    if (!en_grpc_take(message, &slice)) {
        en_grpc_fail(call, GRPC_STATUS_UNIMPLEMENTED, "messages must not be compressed");
        return;
    }
    fault = en_grpc_data_read(&data, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    if (fault != NULL)
        en_grpc_fail(call,
                     data.arena.is_out_of_memory ? GRPC_STATUS_RESOURCE_EXHAUSTED
                                                 : GRPC_STATUS_INVALID_ARGUMENT,
                     fault);
    else if (data.body.len > max)
        en_grpc_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "the body is too long");
    else
        call_function(call, &data);
    en_rpc_arena_fini(&data.arena);
    grpc_slice_unref(slice);
}

static void answer_request(struct en_listener_call *call, const struct en_listener_answer *answer)
{
    struct en_buffer bytes = EN_BUFFER_INIT(SIZE_MAX / 4);
    grpc_byte_buffer *message = NULL;
    int code = en_grpc_code(answer);

    if (code != GRPC_STATUS_OK) {
        en_grpc_finish(call, NULL, (grpc_status_code)code, answer->body.data, answer->body.len);
    } else if (!en_utf8_is_valid(answer->body.data, answer->body.len)) {
        en_grpc_fail(call, GRPC_STATUS_INTERNAL,
                     "the function's reply is not UTF-8: a string of gRPC is text; call over HTTP "
                     "or CoAP for bytes");
    } else {
        if (en_grpc_response_write(&bytes, &answer->body) == 0)
            message = en_grpc_message(&bytes);
        if (message == NULL)
            en_grpc_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory for the reply");
        else
            en_grpc_finish(call, message, GRPC_STATUS_OK, "", 0);
        en_buffer_fini(&bytes);
    }
}

const struct en_grpc_method en_grpc_request = {
    .path = "/openfogstack.tinyfaas.tinyfaas.TinyFaaS/Request",
    .read = read_request,
    .answered = answer_request,
};
