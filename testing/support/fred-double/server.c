#include "server.h"

#include "calls.h"
#include "peer.h"
#include "sockets.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERVICE "mcc.fred.client.Client"
#define MESSAGE_MAX_BYTES 4194304u
#define THREADS 4u
/* Requests that wait to be met, per method. */
#define POSTED 4u

#define UNIMPLEMENTED 12
#define RESOURCE_EXHAUSTED 8

struct server {
    struct server_options options;
    grpc_server *server;
    grpc_completion_queue *queue;
    int port;
    void *methods[CALL_COUNT];
    pthread_mutex_t posting; /* gRPC's server may be gone once is_ending is set */
    bool is_ending;          /* under posting */
    atomic_uint uses;        /* the owner's, and one per call that has begun */
    atomic_uint threads;     /* that still run */
};

enum stage { WAITING, ANSWERING };

/* One call, from being waited for to its answer. */
struct exchange {
    struct waiter waiter; /* first: found by its address */
    struct server *server;
    int method; /* -1: none that we know */
    enum stage stage;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_byte_buffer *request;
    gpr_timespec deadline;
    struct fault fault;
    struct answer answer;
    bool has_begun;
    int cancelled;
};

static void post(struct server *server, int method)
{
    struct exchange *exchange = need(calloc(1, sizeof(*exchange)));
    grpc_call_error error;

    exchange->server = server;
    exchange->method = method;
    grpc_call_details_init(&exchange->details);
    grpc_metadata_array_init(&exchange->metadata);
    if (method < 0)
        error =
            grpc_server_request_call(server->server, &exchange->call, &exchange->details,
                                     &exchange->metadata, server->queue, server->queue, exchange);
    else
        error = grpc_server_request_registered_call(
            server->server, server->methods[method], &exchange->call, &exchange->deadline,
            &exchange->metadata, &exchange->request, server->queue, server->queue, exchange);
    if (error != GRPC_CALL_OK) {
        (void)fprintf(stderr, "fred-double: gRPC takes no calls: %d\n", (int)error);
        abort();
    }
}

/* Counts a call that has come, and waits for the next one. False: the server ends, and its queue
 * may have ended already. */
static bool admit(struct exchange *exchange)
{
    struct server *server = exchange->server;

    (void)pthread_mutex_lock(&server->posting);
    if (!server->is_ending) {
        exchange->has_begun = true;
        (void)atomic_fetch_add(&server->uses, 1);
        post(server, exchange->method);
    }
    (void)pthread_mutex_unlock(&server->posting);
    return exchange->has_begun;
}

/* Calls that wait for held messages outlive a server that was stopped: the last one ends it. */
static void release(struct server *server)
{
    if (atomic_fetch_sub(&server->uses, 1) == 1)
        grpc_completion_queue_shutdown(server->queue);
}

static void exchange_free(struct exchange *exchange)
{
    struct server *server = exchange->server;
    bool has_begun = exchange->has_begun;

    if (exchange->call != NULL)
        grpc_call_unref(exchange->call);
    if (exchange->request != NULL)
        grpc_byte_buffer_destroy(exchange->request);
    grpc_call_details_destroy(&exchange->details);
    grpc_metadata_array_destroy(&exchange->metadata);
    answer_fini(&exchange->answer);
    free(exchange);
    if (has_begun)
        release(server);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static grpc_slice answer_slice(const struct exchange *exchange)
{
    const struct fault *fault = &exchange->fault;
    grpc_slice slice;

    if (fault->kind == FAULT_MALFORMED)
        return grpc_slice_from_copied_buffer(fault->text, fault->number);
    if (fault->kind != FAULT_OVERSIZED)
        return grpc_slice_from_copied_buffer(
            exchange->answer.bytes.data != NULL ? exchange->answer.bytes.data : "",
            exchange->answer.bytes.len);
    slice = grpc_slice_malloc(fault->number);
    memset(GRPC_SLICE_START_PTR(slice), 0, fault->number);
    return slice;
}

/* Sends the answer, or the error; the batch's end releases the exchange. */
static void answer(struct exchange *exchange)
{
    grpc_slice details = grpc_slice_from_copied_buffer(
        exchange->answer.message.data != NULL ? exchange->answer.message.data : "",
        exchange->answer.message.len);
    grpc_byte_buffer *message = NULL;
    grpc_op ops[4];
    size_t count = 0;

    memset(ops, 0, sizeof(ops));
    ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (exchange->answer.code == 0) {
        grpc_slice slice = answer_slice(exchange);

        message = grpc_raw_byte_buffer_create(&slice, 1);
        grpc_slice_unref(slice);
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = message;
    }
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = (grpc_status_code)exchange->answer.code;
    ops[count++].data.send_status_from_server.status_details = &details;
    ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[count++].data.recv_close_on_server.cancelled = &exchange->cancelled;
    exchange->stage = ANSWERING;
    if (grpc_call_start_batch(exchange->call, ops, count, exchange, NULL) != GRPC_CALL_OK)
        exchange_free(exchange);
    if (message != NULL)
        grpc_byte_buffer_destroy(message);
    grpc_slice_unref(details);
}

static void *answer_later(void *context)
{
    struct exchange *exchange = context;
    struct living *living = exchange->server->options.living;
    uint64_t ms = exchange->fault.number;
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};

    (void)nanosleep(&pause, NULL);
    answer(exchange);
    living_end(living);
    return NULL;
}

/* A call that is never answered: it ends with the client's deadline. */
static void hang(struct exchange *exchange)
{
    grpc_op op;

    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op.data.recv_close_on_server.cancelled = &exchange->cancelled;
    exchange->stage = ANSWERING;
    if (grpc_call_start_batch(exchange->call, &op, 1, exchange, NULL) != GRPC_CALL_OK)
        exchange_free(exchange);
}

/* Its connection ends without a word, with all other calls on it. */
static void tear(struct exchange *exchange)
{
    int port = exchange->server->port, peer = peer_port(exchange->call);

    hang(exchange);
    sockets_reset(port, peer);
}

/* What the fault does to a call that has its answer. */
static void finish(struct exchange *exchange)
{
    if (exchange->fault.kind == FAULT_DELAY)
        living_begin(exchange->server->options.living, answer_later, exchange);
    else if (exchange->fault.kind == FAULT_LOST)
        tear(exchange);
    else
        answer(exchange);
}

static void waiter_done(struct waiter *waiter)
{
    finish((struct exchange *)waiter);
}

/* --- requests ----------------------------------------------------------------------------------
 */

static struct text take_request(struct exchange *exchange, grpc_slice *slice)
{
    grpc_byte_buffer_reader reader;

    *slice = grpc_empty_slice();
    if (exchange->request != NULL && grpc_byte_buffer_reader_init(&reader, exchange->request)) {
        *slice = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    return (struct text){(const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

static void run(struct exchange *exchange)
{
    const struct server_options *options = &exchange->server->options;
    char *user = peer_user(exchange->call);
    struct request request = {options->cluster, options->node, user, {"", 0}};
    grpc_slice slice = grpc_empty_slice();
    bool is_done = true;

    exchange->waiter.done = waiter_done;
    if (options->skips_source_check || peer_check_source(exchange->call, &exchange->answer)) {
        request.bytes = take_request(exchange, &slice);
        if (request.bytes.len > MESSAGE_MAX_BYTES)
            answer_error(&exchange->answer, RESOURCE_EXHAUSTED,
                         "grpc: received message larger than max (%zu vs. %u)", request.bytes.len,
                         MESSAGE_MAX_BYTES);
        else
            is_done = call_run(&request, exchange->method, &exchange->answer, &exchange->waiter);
    }
    grpc_slice_unref(slice);
    free(user);
    if (is_done)
        finish(exchange);
}

/* gRPC's Go server says what it does not know. */
static void refuse(struct exchange *exchange)
{
    char *path = grpc_slice_to_c_string(exchange->details.method);
    char *slash = strrchr(path, '/');
    const char *service = path[0] == '/' ? path + 1 : path;

    if (slash != NULL && slash != path) {
        *slash = '\0';
        if (strcmp(service, SERVICE) == 0)
            answer_error(&exchange->answer, UNIMPLEMENTED, "unknown method %s for service %s",
                         slash + 1, service);
        else
            answer_error(&exchange->answer, UNIMPLEMENTED, "unknown service %s", service);
    } else {
        answer_error(&exchange->answer, UNIMPLEMENTED, "malformed method name: \"%s\"", path);
    }
    gpr_free(path);
    answer(exchange);
}

static void begin(struct exchange *exchange)
{
    const struct server_options *options = &exchange->server->options;

    if (exchange->method < 0) {
        refuse(exchange);
        return;
    }
    exchange->fault = faults_take(options->faults, options->node->id, call_name(exchange->method));
    switch (exchange->fault.kind) {
    case FAULT_HANG:
        hang(exchange);
        break;
    case FAULT_RESET:
        tear(exchange);
        break;
    case FAULT_DROP:
        sockets_silence(exchange->server->port, peer_port(exchange->call));
        hang(exchange);
        break;
    case FAULT_ERROR:
        answer_error(&exchange->answer, (int)exchange->fault.number, "%s", exchange->fault.text);
        answer(exchange);
        break;
    default:
        run(exchange);
        break;
    }
}

static void *serve(void *context)
{
    struct server *server = context;
    struct living *living = server->options.living;

    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct exchange *exchange = event.tag;

        if (event.type == GRPC_QUEUE_SHUTDOWN)
            break;
        if (exchange == NULL) { /* the server has closed all: not before may it be destroyed */
            grpc_server_destroy(server->server);
            continue;
        }
        if (exchange->stage == WAITING && event.success != 0 && admit(exchange))
            begin(exchange);
        else
            exchange_free(exchange);
    }
    if (atomic_fetch_sub(&server->threads, 1) == 1) {
        grpc_completion_queue_destroy(server->queue);
        (void)pthread_mutex_destroy(&server->posting);
        free(server);
    }
    living_end(living);
    return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

static bool listen_on(struct server *server, int *port_out)
{
    const struct server_options *options = &server->options;
    grpc_ssl_pem_key_cert_pair pair = {options->key, options->certificate};
    grpc_server_credentials *credentials = grpc_ssl_server_credentials_create_ex(
        options->ca, &pair, 1, GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, NULL);

    server->port = grpc_server_add_http2_port(server->server, options->address, credentials);
    grpc_server_credentials_release(credentials);
    *port_out = server->port;
    return server->port > 0;
}

struct server *server_start(const struct server_options *options, int *port_out)
{
    struct server *server = need(calloc(1, sizeof(*server)));
    grpc_arg list[] = {
        {.type = GRPC_ARG_INTEGER,
         .key = (char *)(uintptr_t)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
         .value.integer = -1}, /* refused in FReD's words instead */
        {.type = GRPC_ARG_INTEGER,
         .key = (char *)(uintptr_t)GRPC_ARG_ALLOW_REUSEPORT,
         .value.integer = 0},
        {.type = GRPC_ARG_INTEGER, /* a node knows no compression */
         .key = (char *)(uintptr_t)GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
         .value.integer = 1 << GRPC_COMPRESS_NONE},
    };
    const grpc_channel_args args = {sizeof(list) / sizeof(list[0]), list};

    server->options = *options;
    server->server = grpc_server_create(&args, NULL);
    server->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server->server, server->queue, NULL);
    for (int i = 0; i < CALL_COUNT; i++) {
        char path[100];

        (void)snprintf(path, sizeof(path), "/" SERVICE "/%s", call_name(i));
        server->methods[i] = grpc_server_register_method(
            server->server, path, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    }
    (void)pthread_mutex_init(&server->posting, NULL);
    atomic_store(&server->uses, 1);
    atomic_store(&server->threads, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        living_begin(options->living, serve, server);
    if (!listen_on(server, port_out)) {
        server_stop(server);
        return NULL;
    }
    grpc_server_start(server->server);
    for (int i = -1; i < CALL_COUNT; i++)
        for (unsigned k = 0; k < POSTED; k++)
            post(server, i);
    return server;
}

void server_stop(struct server *server)
{
    if (server == NULL)
        return;
    (void)pthread_mutex_lock(&server->posting);
    server->is_ending = true;
    (void)pthread_mutex_unlock(&server->posting);
    grpc_server_shutdown_and_notify(server->server, server->queue, NULL);
    grpc_server_cancel_all_calls(server->server);
    release(server);
}

void server_silence(struct server *server)
{
    sockets_silence(server->port, ANY_PEER);
}

void server_heal(struct server *server)
{
    sockets_heal(server->port);
}
