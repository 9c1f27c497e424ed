/* The bare client: what libenoki's rpc module does, without anything around it. */
#include "fred.h"

#include "tool.h"

#include <fred/client.pb-c.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static grpc_completion_queue *queue;
static grpc_channel *channel;
static void *methods[2];
#define CALLERS_MAX 64u
static grpc_slice requests[CALLERS_MAX][2];

static void *complete(void *unused)
{
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        _Atomic uint32_t *done = event.tag;

        (void)unused;
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        atomic_store(done, 1);
        syscall(SYS_futex, done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static char *read_file(const char *folder, const char *name, const char *ending)
{
    char path[1024];
    char *text = calloc(1, 65536);
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.%s", folder, name, ending);
    file = fopen(path, "re");
    if (file == NULL || text == NULL || fread(text, 1, 65535, file) == 0)
        tool_die("cannot read %s", path);
    fclose(file);
    return text;
}

static grpc_slice pack(const ProtobufCMessage *message)
{
    grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));

    protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    return slice;
}

/* A read, and an update that is always accepted. */
static void make_requests(size_t caller, const void *value, size_t len)
{
    Mcc__Fred__Client__ReadRequest read = MCC__FRED__CLIENT__READ_REQUEST__INIT;
    Mcc__Fred__Client__UpdateRequest update = MCC__FRED__CLIENT__UPDATE_REQUEST__INIT;
    ProtobufCBinaryData keygroup = {strlen(FRED_KEYGROUP), (uint8_t *)(uintptr_t)FRED_KEYGROUP};
    char text[32];
    ProtobufCBinaryData id = {(size_t)snprintf(text, sizeof(text), FRED_ID "%zu", caller),
                              (uint8_t *)text};

    read.has_keygroup = update.has_keygroup = 1;
    read.keygroup = update.keygroup = keygroup;
    read.has_id = update.has_id = 1;
    read.id = update.id = id;
    update.has_data = 1;
    update.data = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)value};
    requests[caller][0] = pack(&read.base);
    requests[caller][1] = pack(&update.base);
}

void fred_grpc_open(const char *uri, const void *value, size_t len, size_t callers)
{
    char address[100], folder[500], user[100];
    grpc_ssl_pem_key_cert_pair pair;
    grpc_channel_credentials *credentials;
    pthread_t thread;

    if (sscanf(uri, "fred://%99[^?]?tls=%499[^&]&user=%99[^&]", address, folder, user) != 3)
        tool_die("'%s' is no URI of FReD", uri);
    grpc_init();
    pair.private_key = read_file(folder, user, "key");
    pair.cert_chain = read_file(folder, user, "crt");
    credentials = grpc_ssl_credentials_create(read_file(folder, "ca", "crt"), &pair, NULL, NULL);
    channel = grpc_channel_create(address, credentials, NULL);
    grpc_channel_credentials_release(credentials);
    queue = grpc_completion_queue_create_for_next(NULL);
    methods[0] = grpc_channel_register_call(channel, "/mcc.fred.client.Client/Read", NULL, NULL);
    methods[1] = grpc_channel_register_call(channel, "/mcc.fred.client.Client/Update", NULL, NULL);
    for (size_t i = 0; i < callers; i++)
        make_requests(i, value, len);
    if (pthread_create(&thread, NULL, complete, NULL) != 0)
        tool_die("no thread");
}

void fred_grpc_call(bool is_update, size_t caller)
{
    grpc_call *call = grpc_channel_create_registered_call(
        channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, methods[is_update],
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(5, GPR_TIMESPAN)), NULL);
    grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&requests[caller][is_update], 1);
    grpc_byte_buffer *answer = NULL;
    grpc_metadata_array initial, trailing;
    grpc_status_code code = GRPC_STATUS_UNKNOWN;
    grpc_slice details = grpc_empty_slice();
    _Atomic uint32_t done = 0;
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
    if (grpc_call_start_batch(call, ops, 6, &done, NULL) != GRPC_CALL_OK)
        tool_die("gRPC refuses a call");
    while (atomic_load(&done) == 0)
        syscall(SYS_futex, &done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    if (code != GRPC_STATUS_OK)
        tool_die("a call failed: %.*s", (int)GRPC_SLICE_LENGTH(details),
                 (const char *)GRPC_SLICE_START_PTR(details));
    grpc_call_unref(call);
    grpc_byte_buffer_destroy(request);
    grpc_byte_buffer_destroy(answer);
    grpc_metadata_array_destroy(&initial);
    grpc_metadata_array_destroy(&trailing);
    grpc_slice_unref(details);
}
