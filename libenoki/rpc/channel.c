#include "rpc/channel.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONNECT_MAX_MS 3000
#define WINDOW_BYTES (1 << 20)
#define SERVICE "/mcc.fred.client.Client/"

static const char *const methods[EN_RPC_METHODS] = {
    [EN_RPC_CREATE_KEYGROUP] = SERVICE "CreateKeygroup",
    [EN_RPC_DELETE_KEYGROUP] = SERVICE "DeleteKeygroup",
    [EN_RPC_READ] = SERVICE "Read",
    [EN_RPC_SCAN] = SERVICE "Scan",
    [EN_RPC_KEYS] = SERVICE "Keys",
    [EN_RPC_UPDATE] = SERVICE "Update",
    [EN_RPC_DELETE] = SERVICE "Delete",
    [EN_RPC_APPEND] = SERVICE "Append",
    [EN_RPC_ADD_REPLICA] = SERVICE "AddReplica",
    [EN_RPC_REMOVE_REPLICA] = SERVICE "RemoveReplica",
    [EN_RPC_GET_KEYGROUP_INFO] = SERVICE "GetKeygroupInfo",
    [EN_RPC_GET_ALL_REPLICA] = SERVICE "GetAllReplica",
    [EN_RPC_ADD_USER] = SERVICE "AddUser",
    [EN_RPC_REMOVE_USER] = SERVICE "RemoveUser",
};

struct en_fred_client {
    grpc_completion_queue *queue;
    pthread_t thread;
};

struct en_fred_link {
    struct en_fred_client *client;
    grpc_channel *channel;
    void *handles[EN_RPC_METHODS];
    char address[];
};

/* One call in progress, on its caller's stack. */
struct flight {
    _Atomic uint32_t done;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_byte_buffer *answer;
    grpc_status_code code;
    grpc_slice details;
    bool was_ready; /* there was a connection when it began */
};

/* --- client ----------------------------------------------------------------------------------- */

static void *complete(void *context)
{
    struct en_fred_client *client = context;

    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(client->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct flight *flight = event.tag;

        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (event.type != GRPC_OP_COMPLETE)
            continue;
        atomic_store_explicit(&flight->done, 1, memory_order_release);
        /* The caller may be gone already: then this wakes nobody. */
        (void)syscall(SYS_futex, &flight->done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void wait_for(struct flight *flight)
{
    while (atomic_load_explicit(&flight->done, memory_order_acquire) == 0)
        (void)syscall(SYS_futex, &flight->done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void drop_line(gpr_log_func_args *args)
{
    (void)args; /* what goes wrong comes with the call that it concerns */
}

int en_rpc_client_new(struct en_fred_client **out, const struct en_log *log,
                      struct enoki_error *err)
{
    struct en_fred_client *client = calloc(1, sizeof(*client));
    int rc;

    (void)log;
    if (client == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for gRPC");
    /* For the whole process: only if nobody asked for gRPC's own lines. */
    if (getenv("GRPC_VERBOSITY") == NULL)
        gpr_set_log_function(drop_line);
    grpc_init();
    client->queue = grpc_completion_queue_create_for_next(NULL);
    rc = pthread_create(&client->thread, NULL, complete, client);
    if (rc != 0) {
        grpc_completion_queue_shutdown(client->queue);
        grpc_completion_queue_destroy(client->queue);
        grpc_shutdown();
        free(client);
        return enoki_error_set(err, ENOKI_EIO, "cannot start gRPC's thread: %s", strerror(rc));
    }
    *out = client;
    return 0;
}

void en_rpc_client_free(struct en_fred_client *client)
{
    if (client == NULL)
        return;
    grpc_completion_queue_shutdown(client->queue);
    (void)pthread_join(client->thread, NULL);
    grpc_completion_queue_destroy(client->queue);
    grpc_shutdown();
    free(client);
}

/* --- link ------------------------------------------------------------------------------------- */

static grpc_arg number(const char *key, int value)
{
    return (grpc_arg){
        .type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

static grpc_channel *open_channel(const char *address, const struct en_fred_identity *identity)
{
    grpc_ssl_pem_key_cert_pair pair = {identity->key, identity->certificate};
    /* TLS 1.2 at least is what these credentials ask for by themselves. */
    grpc_channel_credentials *credentials =
        grpc_ssl_credentials_create(identity->ca, &pair, NULL, NULL);
    grpc_arg list[] = {
        number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, EN_RPC_ANSWER_MAX_BYTES),
        number(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1),
        /* Whoever calls has a policy for both. */
        number(GRPC_ARG_ENABLE_RETRIES, 0),
        number(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        number(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
        /* Its second meaning: how long an attempt to connect may take. */
        number(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_MAX_MS),
        number(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000),
        /* A link with renewed certificates must not be given the old one's connection. */
        number(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        /* The address is a node's: no detour by what the environment names. */
        number(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        /* A FReD node takes pings for an attack. */
        number(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        /* Without them the window would stay at 64 KiB: too small for a page over a long way. */
        number(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, WINDOW_BYTES),
    };
    const grpc_channel_args args = {sizeof(list) / sizeof(list[0]), list};
    grpc_channel *channel;

    if (credentials == NULL)
        return NULL;
    channel = grpc_channel_create(address, credentials, &args);
    grpc_channel_credentials_release(credentials);
    return channel;
}

int en_rpc_link_new(struct en_fred_link **out, struct en_fred_client *client, const char *address,
                    const struct en_fred_identity *identity, struct enoki_error *err)
{
    size_t size = strlen(address) + 1;
    struct en_fred_link *link = calloc(1, sizeof(*link) + size);

    if (link == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a connection to %.100s",
                               address);
    link->client = client;
    memcpy(link->address, address, size);
    link->channel = open_channel(address, identity);
    if (link->channel == NULL) {
        free(link);
        return enoki_error_set(err, ENOKI_ETLS, "gRPC does not take the TLS material for %.100s",
                               address);
    }
    for (size_t i = 0; i < EN_RPC_METHODS; i++)
        link->handles[i] = grpc_channel_register_call(link->channel, methods[i], NULL, NULL);
    *out = link;
    return 0;
}

void en_rpc_link_free(struct en_fred_link *link)
{
    if (link == NULL)
        return;
    grpc_channel_destroy(link->channel);
    free(link);
}

const char *en_rpc_link_address(const struct en_fred_link *link)
{
    return link->address;
}

/* What gRPC 1.51 says if a call was given to no connection. */
#define NO_CONNECTION "failed to connect to all addresses"
#define NO_ADDRESS "DNS resolution failed"

/* --- call ------------------------------------------------------------------------------------- */

/* Above this the message itself is given away instead of copied. */
#define COPY_MAX_BYTES 4096u

static grpc_byte_buffer *take_request(struct en_buffer *request)
{
    grpc_byte_buffer *message;
    grpc_slice slice;

    if (request->len <= COPY_MAX_BYTES) {
        slice =
            grpc_slice_from_copied_buffer(request->data != NULL ? request->data : "", request->len);
        en_buffer_fini(request);
    } else {
        slice = grpc_slice_new_with_user_data(request->data, request->len, free, request->data);
        *request = (struct en_buffer){NULL, 0, 0, request->max};
    }
    message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return message;
}

static gpr_timespec deadline_of(uint64_t deadline_ms)
{
    if (deadline_ms > INT64_MAX / 1000)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return (gpr_timespec){.tv_sec = (int64_t)(deadline_ms / 1000),
                          .tv_nsec = (int32_t)(deadline_ms % 1000 * 1000000),
                          .clock_type = GPR_CLOCK_MONOTONIC};
}

static grpc_call_error start(grpc_call *call, grpc_byte_buffer *message, struct flight *flight)
{
    grpc_op ops[6];

    memset(ops, 0, sizeof(ops));
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = message;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &flight->initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &flight->answer;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &flight->trailing;
    ops[5].data.recv_status_on_client.status = &flight->code;
    ops[5].data.recv_status_on_client.status_details = &flight->details;
    return grpc_call_start_batch(call, ops, sizeof(ops) / sizeof(ops[0]), flight, NULL);
}

static bool is_ready(const struct en_fred_link *link)
{
    return grpc_channel_check_connectivity_state(link->channel, 0) == GRPC_CHANNEL_READY;
}

/* An answered call has the address that it went to for a peer, every other one the channel's target
 * (gRPC 1.51), also one that was sent and not answered. */
static bool has_peer(grpc_call *call)
{
    static const char *const kinds[] = {"ipv4:", "ipv6:", "unix:", "unknown"};
    char *peer = grpc_call_get_peer(call);
    bool is_address = false;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        is_address = is_address || strncmp(peer, kinds[i], strlen(kinds[i])) == 0;
    gpr_free(peer);
    return is_address;
}

/* gRPC does not say whether a failed call left the process, so: it did unless the contrary is sure.
 * A connection that came about during the call and is gone leaves the channel idle. */
static bool may_have_been_sent(const struct en_fred_link *link, grpc_call *call,
                               const struct flight *flight, const char *text)
{
    grpc_connectivity_state state;

    if (has_peer(call))
        return true;
    if (strncmp(text, NO_CONNECTION, strlen(NO_CONNECTION)) == 0 ||
        strncmp(text, NO_ADDRESS, strlen(NO_ADDRESS)) == 0)
        return false;
    if (flight->code != GRPC_STATUS_DEADLINE_EXCEEDED || flight->was_ready)
        return true;
    state = grpc_channel_check_connectivity_state(link->channel, 0);
    return state == GRPC_CHANNEL_READY || state == GRPC_CHANNEL_IDLE;
}

static enum en_fred_result explain(const struct en_fred_link *link, grpc_call *call,
                                   const struct flight *flight, struct enoki_error *err)
{
    char text[400];
    size_t len = GRPC_SLICE_LENGTH(flight->details);
    struct en_rpc_failure failure = {(int)flight->code, text, link->address, false};

    if (len >= sizeof(text))
        len = sizeof(text) - 1;
    memcpy(text, GRPC_SLICE_START_PTR(flight->details), len);
    text[len] = '\0';
    /* A message is one line. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20)
            text[i] = ' ';
    failure.was_sent = may_have_been_sent(link, call, flight, text);
    return en_rpc_explain(&failure, err);
}

static enum en_fred_result take_answer(struct flight *flight, const struct en_fred_link *link,
                                       struct en_rpc_answer *out, struct enoki_error *err)
{
    grpc_byte_buffer_reader reader;
    grpc_slice slice;
    grpc_slice *kept;

    if (flight->answer == NULL || !grpc_byte_buffer_reader_init(&reader, flight->answer)) {
        (void)enoki_error_set(err, ENOKI_EPROTO, "FReD node %.100s: an answer without a message",
                              link->address);
        return EN_FRED_BROKEN;
    }
    kept = malloc(sizeof(*kept));
    if (kept == NULL) {
        grpc_byte_buffer_reader_destroy(&reader);
        (void)enoki_error_set(err, ENOKI_ENOMEM, "out of memory for an answer");
        return EN_FRED_NO_MEMORY;
    }
    slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    *kept = slice;
    /* Small slices hold their bytes themselves: those of the copy that stays. */
    *out = (struct en_rpc_answer){GRPC_SLICE_START_PTR(*kept), GRPC_SLICE_LENGTH(*kept), kept};
    return EN_FRED_OK;
}

void en_rpc_answer_free(struct en_rpc_answer *answer)
{
    if (answer->memory != NULL)
        grpc_slice_unref(*(grpc_slice *)answer->memory);
    free(answer->memory);
    *answer = (struct en_rpc_answer){NULL, 0, NULL};
}

enum en_fred_result en_rpc_call(struct en_fred_link *link, enum en_rpc_method method,
                                uint64_t deadline_ms, struct en_buffer *request,
                                struct en_rpc_answer *out, struct enoki_error *err)
{
    grpc_byte_buffer *message = take_request(request);
    struct flight flight = {
        .done = 0, .code = GRPC_STATUS_UNKNOWN, .was_ready = is_ready(link)};
    grpc_call *call;
    enum en_fred_result result;

    grpc_metadata_array_init(&flight.initial);
    grpc_metadata_array_init(&flight.trailing);
    flight.details = grpc_empty_slice();
    call = grpc_channel_create_registered_call(link->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                               link->client->queue, link->handles[method],
                                               deadline_of(deadline_ms), NULL);
    if (start(call, message, &flight) != GRPC_CALL_OK) {
        (void)enoki_error_set(err, ENOKI_EIO, "gRPC refuses a call to %.100s", link->address);
        result = EN_FRED_UNREACHABLE;
    } else {
        wait_for(&flight);
        result = flight.code == GRPC_STATUS_OK ? take_answer(&flight, link, out, err)
                                               : explain(link, call, &flight, err);
    }
    grpc_call_unref(call);
    grpc_byte_buffer_destroy(message);
    if (flight.answer != NULL)
        grpc_byte_buffer_destroy(flight.answer);
    grpc_metadata_array_destroy(&flight.initial);
    grpc_metadata_array_destroy(&flight.trailing);
    grpc_slice_unref(flight.details);
    return result;
}
