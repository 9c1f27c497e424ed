/* Is it there? grpc.health.v1.Health, for the whole server, its service, and each function. */
#include "grpc/server.h"

#include "rpc/arena.h"

#include <grpc/health/v1/health.pb-c.h>

#include <string.h>

#define UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

static grpc_byte_buffer *make_response(int status)
{
    Grpc__Health__V1__HealthCheckResponse response =
        GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct en_buffer bytes = EN_BUFFER_INIT(64);

    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    if (en_buffer_reserve(
            &bytes, grpc__health__v1__health_check_response__get_packed_size(&response) + 1) != 0)
        return NULL;
    bytes.len = grpc__health__v1__health_check_response__pack(&response, (uint8_t *)bytes.data);
    return en_grpc_message(&bytes);
}

/* The name that is asked for, into call->service; false after the call was failed. */
static bool read_service(struct en_listener_call *call, grpc_byte_buffer *message)
{
    Grpc__Health__V1__HealthCheckRequest *request = NULL;
    struct en_rpc_arena arena;
    grpc_slice slice;

    if (message != NULL && en_grpc_take(message, &slice)) {
        en_rpc_arena_init(&arena, GRPC_SLICE_LENGTH(slice));
        request = grpc__health__v1__health_check_request__unpack(
            &arena.allocator, GRPC_SLICE_LENGTH(slice), GRPC_SLICE_START_PTR(slice));
        if (request != NULL && request->service.len < sizeof(call->service)) {
            if (request->service.len > 0)
                memcpy(call->service, request->service.data, request->service.len);
        } else {
            request = NULL;
        }
        en_rpc_arena_fini(&arena);
        grpc_slice_unref(slice);
    }
    if (request == NULL)
        en_grpc_fail(call, GRPC_STATUS_INVALID_ARGUMENT, "the message is no HealthCheckRequest");
    return request != NULL;
}

static void ask(struct en_listener_call *call)
{
    struct en_listener_request request = {
        .function = {call->service, strlen(call->service)},
        .subpath = {"", 0},
        .query = {"", 0},
        .method = {"GET", 3},
        .body = {"", 0},
        .is_check = true,
    };

    en_grpc_hand_over(call, &request);
}

static bool is_of_server(const struct en_listener_call *call)
{
    return call->service[0] == '\0' ||
           strcmp(call->service, "openfogstack.tinyfaas.tinyfaas.TinyFaaS") == 0;
}

static int status_of(const struct en_listener_call *call, const struct en_listener_answer *answer)
{
    if (atomic_load(&call->listener->draining))
        return NOT_SERVING;
    if (answer == NULL || answer->status == 200)
        return SERVING;
    return answer->status == 404 ? UNKNOWN : NOT_SERVING;
}

/* --- Check --------------------------------------------------------------------------------------
 */

static void answer_check(struct en_listener_call *call, const struct en_listener_answer *answer)
{
    int status = status_of(call, answer);
    grpc_byte_buffer *response;

    if (status == UNKNOWN) {
        en_grpc_fail(call, GRPC_STATUS_NOT_FOUND, "no such function");
        return;
    }
    response = make_response(status);
    if (response == NULL)
        en_grpc_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory for the reply");
    else
        en_grpc_finish(call, response, GRPC_STATUS_OK, "", 0);
}

static void read_check(struct en_listener_call *call, grpc_byte_buffer *message)
{
    if (!read_service(call, message))
        return;
    if (is_of_server(call))
        answer_check(call, NULL);
    else
        ask(call);
}

const struct en_grpc_method en_grpc_check = {
    .path = "/grpc.health.v1.Health/Check",
    .read = read_check,
    .answered = answer_check,
};

/* --- Watch --------------------------------------------------------------------------------------
 */

static void rest(struct en_listener_call *call)
{
    (void)pthread_mutex_lock(&call->listener->mutex);
    call->is_busy = false;
    (void)pthread_mutex_unlock(&call->listener->mutex);
}

static void on_written(struct en_listener_call *call, bool ok)
{
    (void)ok;
    atomic_store(&call->until_ms, 0);
    rest(call); /* the next tick looks again */
}

static void answer_watch(struct en_listener_call *call, const struct en_listener_answer *answer)
{
    int status = status_of(call, answer);
    grpc_byte_buffer *response = NULL;

    if (status != call->told)
        response = make_response(status);
    if (response == NULL) {
        rest(call); /* nothing new; or no memory, which is tried again */
        return;
    }
    call->told = status;
    en_grpc_write(call, response, on_written);
}

static void look(struct en_listener_call *call)
{
    if (is_of_server(call))
        answer_watch(call, NULL);
    else
        ask(call);
}

static void tick_watch(struct en_listener_call *call)
{
    bool is_busy;

    (void)pthread_mutex_lock(&call->listener->mutex);
    is_busy = call->is_busy;
    call->is_busy = true;
    (void)pthread_mutex_unlock(&call->listener->mutex);
    if (is_busy)
        return;
    if (atomic_load(&call->listener->draining) && call->told == NOT_SERVING)
        en_grpc_fail(call, GRPC_STATUS_UNAVAILABLE, "the node stops");
    else
        look(call);
}

static void read_watch(struct en_listener_call *call, grpc_byte_buffer *message)
{
    call->told = -1;
    if (read_service(call, message))
        look(call);
}

const struct en_grpc_method en_grpc_watch = {
    .path = "/grpc.health.v1.Health/Watch",
    .read = read_watch,
    .answered = answer_watch,
    .tick = tick_watch,
};
