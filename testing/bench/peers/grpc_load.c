/*
 * grpc_load.c - a closed load of unary calls on one connection: as many callers as are asked for,
 * each calls again as soon as it has its answer. Prints one line of JSON.
 *
 *   bench-grpc-load [CALLERS] [MS] [BODY] PORT
 */
#include "tool.h"

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METHOD "/openfogstack.tinyfaas.tinyfaas.TinyFaaS/Request"
#define SAMPLES_MAX 8000000u

struct caller {
    uint64_t since_ns;
    grpc_call *call;
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *sent, *answer;
    grpc_status_code code;
    grpc_slice details;
};

static grpc_channel *channel;
static grpc_completion_queue *queue;
static void *method;
static grpc_byte_buffer *request;
static uint64_t *samples, count, errors;

static void start(struct caller *caller)
{
    grpc_op ops[6];

    memset(ops, 0, sizeof(ops));
    grpc_metadata_array_init(&caller->initial);
    grpc_metadata_array_init(&caller->trailing);
    caller->since_ns = tool_now_ns();
    caller->call = grpc_channel_create_registered_call(
        channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, method,
        gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    caller->sent = grpc_byte_buffer_copy(request); /* what is sent is emptied */
    ops[1].data.send_message.send_message = caller->sent;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &caller->initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &caller->answer;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &caller->trailing;
    ops[5].data.recv_status_on_client.status = &caller->code;
    ops[5].data.recv_status_on_client.status_details = &caller->details;
    if (grpc_call_start_batch(caller->call, ops, 6, caller, NULL) != GRPC_CALL_OK)
        tool_die("gRPC takes no call");
}

static void finish(struct caller *caller)
{
    if (caller->code != GRPC_STATUS_OK || caller->answer == NULL)
        errors++;
    else if (count < SAMPLES_MAX)
        samples[count++] = tool_now_ns() - caller->since_ns;
    grpc_byte_buffer_destroy(caller->sent);
    grpc_byte_buffer_destroy(caller->answer);
    grpc_metadata_array_destroy(&caller->initial);
    grpc_metadata_array_destroy(&caller->trailing);
    grpc_slice_unref(caller->details);
    grpc_call_unref(caller->call);
}

static void open_channel(const char *port, const char *body)
{
    grpc_channel_credentials *plain = grpc_insecure_credentials_create();
    char address[64], bytes[1024];
    grpc_slice slice;
    int len = snprintf(bytes, sizeof(bytes), "\x0a\x04"
                                             "echo\x12%c%s",
                       (char)strlen(body), body);

    (void)snprintf(address, sizeof(address), "127.0.0.1:%s", port);
    slice = grpc_slice_from_copied_buffer(bytes, (size_t)len);
    request = grpc_raw_byte_buffer_create(&slice, 1);
    queue = grpc_completion_queue_create_for_next(NULL);
    channel = grpc_channel_create(address, plain, NULL);
    method = grpc_channel_register_call(channel, METHOD, NULL, NULL);
}

static void run(uint64_t callers, uint64_t ms)
{
    uint64_t end_ns = tool_now_ns() + ms * 1000000, busy = callers;

    for (uint64_t i = 0; i < callers; i++) {
        struct caller *caller = calloc(1, sizeof(*caller));

        if (caller == NULL)
            tool_die("no memory");
        start(caller);
    }
    while (busy > 0) {
        grpc_event event =
            grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct caller *caller = event.tag;

        finish(caller);
        if (tool_now_ns() < end_ns)
            start(caller);
        else
            busy--;
    }
}

int main(int argc, char **argv)
{
    uint64_t callers, ms, begin_ns, took_ns;

    if (argc != 5 || strlen(argv[3]) > 120)
        tool_die("usage: bench-grpc-load CALLERS MS BODY PORT");
    callers = tool_number("CALLERS", argv[1], 1, 1000);
    ms = tool_number("MS", argv[2], 1, 100000);
    samples = malloc(SAMPLES_MAX * sizeof(*samples));
    if (samples == NULL)
        tool_die("no memory");
    grpc_init();
    open_channel(argv[4], argv[3]);
    begin_ns = tool_now_ns();
    run(callers, ms);
    took_ns = tool_now_ns() - begin_ns;
    tool_print_calls(samples, count, errors, took_ns);
    return 0;
}
