/*
 * grpc_server.c - the least that gRPC's core needs to answer TinyFaaS/Request: a registered method,
 * one thread with one completion queue, an answer that is always the same.
 *
 *   bench-grpc-server ANSWER
 *
 * Prints "ready: http://127.0.0.1:PORT/echo".
 */
#include "tool.h"

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPTS 256
#define METHOD "/openfogstack.tinyfaas.tinyfaas.TinyFaaS/Request"

struct served {
    int is_accepted;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *message, *sent;
    int cancelled;
};

static grpc_server *server;
static grpc_completion_queue *queue;
static void *method;
static grpc_byte_buffer *answer;

static void await_call(struct served *served)
{
    memset(served, 0, sizeof(*served));
    grpc_metadata_array_init(&served->metadata);
    if (grpc_server_request_registered_call(server, method, &served->call, &served->deadline,
                                            &served->metadata, &served->message, queue, queue,
                                            served) != GRPC_CALL_OK)
        tool_die("gRPC takes no request for a call");
}

static void give_answer(struct served *served)
{
    grpc_op ops[4];

    memset(ops, 0, sizeof(ops));
    served->is_accepted = 1;
    ops[0].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[0].data.recv_close_on_server.cancelled = &served->cancelled;
    ops[1].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[2].op = GRPC_OP_SEND_MESSAGE;
    served->sent = grpc_byte_buffer_copy(answer); /* what is sent is emptied */
    ops[2].data.send_message.send_message = served->sent;
    ops[3].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    if (grpc_call_start_batch(served->call, ops, 4, served, NULL) != GRPC_CALL_OK)
        tool_die("gRPC takes no answer");
}

static void serve(void)
{
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct served *served = event.tag;

        if (event.type != GRPC_OP_COMPLETE)
            tool_die("gRPC's queue ended");
        if (!served->is_accepted) {
            give_answer(served);
            continue;
        }
        grpc_call_unref(served->call);
        grpc_metadata_array_destroy(&served->metadata);
        grpc_byte_buffer_destroy(served->message);
        grpc_byte_buffer_destroy(served->sent);
        await_call(served);
    }
}

int main(int argc, char **argv)
{
    grpc_server_credentials *plain;
    char bytes[256];
    grpc_slice slice;
    int port, len;

    if (argc != 2 || strlen(argv[1]) > 100)
        tool_die("usage: bench-grpc-server ANSWER");
    grpc_init();
    len = snprintf(bytes, sizeof(bytes), "\x0a%c%s", (char)strlen(argv[1]), argv[1]);
    slice = grpc_slice_from_copied_buffer(bytes, (size_t)len);
    answer = grpc_raw_byte_buffer_create(&slice, 1);
    queue = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    method = grpc_server_register_method(server, METHOD, NULL,
                                         GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    plain = grpc_insecure_server_credentials_create();
    port = grpc_server_add_http2_port(server, "127.0.0.1:0", plain);
    if (port <= 0)
        tool_die("no port");
    grpc_server_start(server);
    for (int i = 0; i < ACCEPTS; i++) {
        struct served *served = malloc(sizeof(*served));

        if (served == NULL)
            tool_die("no memory");
        await_call(served);
    }
    (void)printf("ready: http://127.0.0.1:%d/echo\n", port);
    (void)fflush(stdout);
    serve();
    return 0;
}
