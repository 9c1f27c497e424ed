#include "trigger.h"

#include <fred/trigger.pb-c.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_S 5

/* One process, one identity: set before any call. */
static grpc_ssl_pem_key_cert_pair pair;
static const char *roots;

void trigger_init(const char *ca, const char *certificate, const char *key)
{
    roots = duplicate(ca, strlen(ca));
    pair = (grpc_ssl_pem_key_cert_pair){duplicate(key, strlen(key)),
                                        duplicate(certificate, strlen(certificate))};
}

void trigger_end(void)
{
    free((char *)(uintptr_t)roots);
    free((char *)(uintptr_t)pair.private_key);
    free((char *)(uintptr_t)pair.cert_chain);
}

static ProtobufCBinaryData bytes(const char *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static grpc_byte_buffer *encode(bool is_put, const char *keygroup, const char *id,
                                struct text value)
{
    Mcc__Fred__Trigger__PutItemTriggerRequest request =
        MCC__FRED__TRIGGER__PUT_ITEM_TRIGGER_REQUEST__INIT;
    grpc_byte_buffer *buffer;
    grpc_slice slice;

    request.has_keygroup = 1;
    request.keygroup = bytes(keygroup, strlen(keygroup));
    request.has_id = 1;
    request.id = bytes(id, strlen(id));
    /* A deletion's message is the same without a value. */
    request.has_val = is_put && value.len > 0;
    request.val = bytes(value.data, value.len);
    slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(&request.base));
    (void)protobuf_c_message_pack(&request.base, GRPC_SLICE_START_PTR(slice));
    buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static grpc_channel *connect_to(const char *host)
{
    grpc_channel_credentials *credentials = grpc_ssl_credentials_create(roots, &pair, NULL, NULL);
    grpc_channel *channel = grpc_channel_create(host, credentials, NULL);

    grpc_channel_credentials_release(credentials);
    return channel;
}

bool trigger_call(const char *host, bool is_put, const char *keygroup, const char *id,
                  struct text value)
{
    grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
    grpc_channel *channel = connect_to(host);
    grpc_slice method =
        grpc_slice_from_static_string(is_put ? "/mcc.fred.trigger.TriggerNode/PutItemTrigger"
                                             : "/mcc.fred.trigger.TriggerNode/DeleteItemTrigger");
    gpr_timespec end =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(DEADLINE_S, GPR_TIMESPAN));
    grpc_byte_buffer *request = encode(is_put, keygroup, id, value);
    grpc_byte_buffer *answer = NULL;
    grpc_metadata_array initial, trailing;
    grpc_status_code code = GRPC_STATUS_UNKNOWN;
    grpc_slice details = grpc_empty_slice();
    grpc_call *call = grpc_channel_create_call(channel, NULL, 0, queue, method, NULL, end, NULL);
    grpc_op ops[6];

    memset(ops, 0, sizeof(ops));
    grpc_metadata_array_init(&initial);
    grpc_metadata_array_init(&trailing);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &answer;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &trailing;
    ops[5].data.recv_status_on_client.status = &code;
    ops[5].data.recv_status_on_client.status_details = &details;
    if (grpc_call_start_batch(call, ops, 6, call, NULL) == GRPC_CALL_OK)
        (void)grpc_completion_queue_pluck(queue, call, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_call_unref(call);
    grpc_channel_destroy(channel);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_destroy(queue);
    grpc_byte_buffer_destroy(request);
    if (answer != NULL)
        grpc_byte_buffer_destroy(answer);
    grpc_metadata_array_destroy(&initial);
    grpc_metadata_array_destroy(&trailing);
    grpc_slice_unref(details);
    return code == GRPC_STATUS_OK;
}
