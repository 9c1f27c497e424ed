/* The module's one symbol: gRPC by its core's C API, one thread that waits for its completion
 * queue. */
#include "grpc/server.h"

#include "base/address.h"

#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACCEPTS 32 /* calls that gRPC is given room for at once */
#define TICK_MS 1000
#define STOP_WAIT_MS 1000
#define HANDSHAKE_MS 20000
#define KEEPALIVE_MS 60000
#define KEEPALIVE_ANSWER_MS 20000
#define PING_MIN_MS 10000
#define IDLE_MS 600000
#define ENVELOPE_MAX_BYTES 1024 /* of a message: the function's name, tags and lengths */

const struct en_grpc_method *en_grpc_method_find(const char *path, size_t len)
{
    static const struct en_grpc_method *const methods[] = {
        &en_grpc_request, &en_grpc_check, &en_grpc_watch, &en_grpc_reflect, &en_grpc_reflect1};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strlen(methods[i]->path) == len && memcmp(methods[i]->path, path, len) == 0)
            return methods[i];
    }
    return NULL;
}

/* --- the thread ---------------------------------------------------------------------------------
 */

static void *serve(void *context)
{
    struct en_listener *listener = context;

    for (;;) {
        gpr_timespec until =
            listener->calls == NULL
                ? gpr_inf_future(GPR_CLOCK_MONOTONIC)
                : gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                               gpr_time_from_millis(TICK_MS, GPR_TIMESPAN));
        grpc_event event = grpc_completion_queue_next(listener->queue, until, NULL);
        struct en_grpc_tag *tag = event.tag;

        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (event.type == GRPC_QUEUE_TIMEOUT) {
            en_grpc_tick(listener);
        } else if (tag == &listener->stopped) {
            (void)pthread_mutex_lock(&listener->mutex);
            listener->is_stopped = true;
            (void)pthread_cond_broadcast(&listener->changed);
            (void)pthread_mutex_unlock(&listener->mutex);
        } else {
            tag->happened(tag->call, event.success != 0);
        }
    }
}

/* --- start --------------------------------------------------------------------------------------
 */

static void drop_line(gpr_log_func_args *args)
{
    (void)args; /* what goes wrong comes with the call that it concerns */
}

static grpc_arg number(const char *key, int64_t value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER,
                      .key = (char *)(uintptr_t)key,
                      .value.integer = value > INT32_MAX ? INT32_MAX : (int)value};
}

static grpc_server *new_server(const struct en_listener_options *options)
{
    grpc_arg list[] = {
        number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
               (int64_t)options->max_body_bytes + ENVELOPE_MAX_BYTES),
        number(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1),
        number(GRPC_ARG_MAX_METADATA_SIZE, (int64_t)options->max_header_bytes),
        number(GRPC_ARG_MAX_CONCURRENT_STREAMS, options->max_calls),
        number(GRPC_ARG_ALLOW_REUSEPORT, 0),
        /* gRPC bounds a compressed message before, not after, it is unpacked: take none. */
        number(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1),
        number(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        number(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        number(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_MS),
        number(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS),
        number(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_ANSWER_MS),
        number(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, PING_MIN_MS),
        number(GRPC_ARG_MAX_CONNECTION_IDLE_MS, IDLE_MS),
        number(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        number(GRPC_ARG_ENABLE_CHANNELZ, 0),
    };
    const grpc_channel_args args = {sizeof(list) / sizeof(list[0]), list};

    return grpc_server_create(&args, NULL);
}

static int open_port(struct en_listener *listener, struct enoki_error *err)
{
    const struct en_listener_options *options = &listener->options;
    grpc_server_credentials *credentials = NULL;
    char wanted[EN_ADDRESS_TEXT_BYTES];
    union en_address address;
    socklen_t len;
    int port, rc;

    rc = en_address_parse(options->address, &address, &len, err);
    if (rc == 0)
        rc = en_address_format(&address, wanted, sizeof(wanted));
    if (rc == 0)
        rc = en_grpc_credentials(listener, &credentials, err);
    if (rc != 0)
        return rc;
    port = grpc_server_add_http2_port(listener->server, wanted, credentials);
    grpc_server_credentials_release(credentials);
    if (port <= 0 && options->certificate != NULL)
        return enoki_error_set(err, ENOKI_EIO,
                               "gRPC: cannot listen on %.100s: it is in use or not this machine's, "
                               "or '%.150s' and '%.150s' do not belong together",
                               options->address, options->certificate, options->key);
    if (port <= 0)
        return enoki_error_set(err, ENOKI_EIO,
                               "gRPC: cannot listen on %.100s: it is in use or not this machine's",
                               options->address);
    (void)snprintf(listener->address, sizeof(listener->address), "%.*s:%d",
                   (int)(strrchr(wanted, ':') - wanted), wanted, port);
    return 0;
}

static void stop_server(struct en_listener *listener)
{
    grpc_server_shutdown_and_notify(listener->server, listener->queue, &listener->stopped);
}

static void await_stop(struct en_listener *listener)
{
    (void)pthread_mutex_lock(&listener->mutex);
    while (!listener->is_stopped)
        (void)pthread_cond_wait(&listener->changed, &listener->mutex);
    (void)pthread_mutex_unlock(&listener->mutex);
}

/* Until the answers that were given are sent. */
static void await_calls(const struct en_listener *listener)
{
    const struct timespec pause = {.tv_nsec = 10000000};

    for (int ms = 0; ms < STOP_WAIT_MS && atomic_load(&listener->call_count) > 0; ms += 10)
        (void)nanosleep(&pause, NULL);
}

/* Waits for the thread too, if there is one. */
static void release(struct en_listener *listener, bool has_thread)
{
    if (listener->server != NULL)
        grpc_server_destroy(listener->server);
    if (listener->queue != NULL) {
        grpc_completion_queue_shutdown(listener->queue);
        if (has_thread)
            (void)pthread_join(listener->thread, NULL);
        else
            (void)grpc_completion_queue_next(listener->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC),
                                             NULL);
        grpc_completion_queue_destroy(listener->queue);
    }
    en_grpc_free_waiting(listener);
    grpc_shutdown();
    (void)pthread_cond_destroy(&listener->changed);
    (void)pthread_mutex_destroy(&listener->mutex);
    free(listener);
}

static int start(struct en_listener **out, const struct en_listener_options *options,
                 struct enoki_error *err)
{
    struct en_listener *listener = calloc(1, sizeof(*listener));
    int rc;

    if (listener == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "gRPC: no memory");
    listener->options = *options;
    (void)pthread_mutex_init(&listener->mutex, NULL);
    (void)pthread_cond_init(&listener->changed, NULL);
    /* For the whole process: only if nobody asked for gRPC's own lines. */
    if (getenv("GRPC_VERBOSITY") == NULL)
        gpr_set_log_function(drop_line);
    grpc_init();
    listener->queue = grpc_completion_queue_create_for_next(NULL);
    listener->server = new_server(options);
    grpc_server_register_completion_queue(listener->server, listener->queue, NULL);
    rc = open_port(listener, err);
    if (rc == 0 && pthread_create(&listener->thread, NULL, serve, listener) != 0)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "gRPC: no thread");
    if (rc != 0) {
        /* A server must be shut down before it goes, started or not. */
        grpc_server_start(listener->server);
        stop_server(listener);
        (void)grpc_completion_queue_next(listener->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC),
                                         NULL);
        release(listener, false);
        return rc;
    }
    grpc_server_start(listener->server);
    for (int i = 0; i < ACCEPTS; i++)
        en_grpc_accept(listener);
    *out = listener;
    return 0;
}

/* --- the seam -----------------------------------------------------------------------------------
 */

static const char *get_scheme(const struct en_listener *listener)
{
    return listener->options.certificate != NULL ? "grpcs" : "grpc";
}

static const char *get_address(const struct en_listener *listener)
{
    return listener->address;
}

static void drain(struct en_listener *listener)
{
    if (atomic_exchange(&listener->draining, true))
        return;
    stop_server(listener); /* connections are told to go once their calls are answered */
}

static void stop(struct en_listener *listener)
{
    drain(listener);
    await_calls(listener);
    grpc_server_cancel_all_calls(listener->server); /* and idle connections, which may stay */
    await_stop(listener);
    release(listener, true);
}

extern EN_MODULE_EXPORT const struct en_listener_ops enoki_module;
const struct en_listener_ops enoki_module = {
    .module = {.name = "grpc", .version = ENOKI_VERSION},
    .scheme = get_scheme,
    .start = start,
    .address = get_address,
    .answer = en_grpc_answer,
    .drain = drain,
    .stop = stop,
};
