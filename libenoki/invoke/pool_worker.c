#include "invoke/pool_work.h"

#include "base/clock.h"
#include "invoke/access.h"
#include "invoke/route.h"
#include "wire/call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a worker stays with a connection whose bytes are on their way, before it gives it back:
 * rounds of at most a millisecond each. */
#define PATIENCE_ROUNDS 20
#define PATIENCE_MS 1
/* Duplicates of connections that ended elsewhere are closed after such a pause. */
#define TIDY_MS 5000

/* --- connections ----------------------------------------------------------------------------- */

static void note_rest(struct en_work *work, const struct en_request *request)
{
    const void *input, *output;
    size_t input_len, output_len;
    bool close_after;
    const char *memory = (const char *)work->status + EN_POOL_PAGE;

    en_connection_pending(work->http, &input, &input_len, &output, &output_len, &close_after);
    work->status->rest_offset = input_len == 0 ? 0 : (uint64_t)((const char *)input - memory);
    work->status->rest_len = input_len;
    work->status->close_after = close_after ? 1 : 0;
    work->status->is_head = en_request_method_is(request, "HEAD");
}

/* Queues an asynchronous call with the parent. */
static int submit_async(struct en_work *work, const struct en_request *request,
                        struct en_text subpath)
{
    struct en_pool_message message = {.type = EN_POOL_ASYNC};
    struct en_buffer bytes = EN_BUFFER_INIT(work->packet.max);
    struct en_call_record call = {*request, subpath.len};
    _Atomic uint32_t *waiting = &work->pool->shared->waiting;
    int rc;

    /* The place in the queue is taken first: what is answered 202 has one. */
    if (atomic_fetch_add(waiting, 1) >= work->pool->limits->max_queue)
        rc = ENOKI_ELIMIT;
    else
        rc = en_call_encode(&bytes, &call);
    if (rc == 0)
        rc = en_work_tell(work, &message, bytes.data, bytes.len);
    if (rc != 0)
        (void)atomic_fetch_sub(waiting, 1);
    en_buffer_fini(&bytes);
    return rc;
}

/* The parent looks once per timeout: what is due before has to be said. */
static void tell_due(struct en_work *work, uint64_t now, uint64_t deadline)
{
    struct en_pool_message message = {.type = EN_POOL_DUE, .deadline_ms = deadline};

    if (deadline < now + work->pool->limits->call_timeout_ms &&
        en_work_tell(work, &message, NULL, 0) != 0)
        work->over = true;
}

static void log_access(const struct en_work *work, enum en_route route, uint64_t started_us)
{
    const struct enoki_runtime *runtime = work->pool->runtime;
    const struct en_access access = {
        .request = en_connection_request(work->http),
        .function = route == EN_ROUTE_CALL ? enoki_runtime_function(runtime)->name : NULL,
        .protocol = "http",
        .fd = en_connection_fd(work->http),
        .started_us = started_us,
        .status = work->reply.status,
        .reply_bytes = work->reply.body.len,
    };

    en_access_log(en_runtime_log(runtime), &access);
}

static enum en_want answer(struct en_work *work)
{
    const struct en_request *request = en_connection_request(work->http);
    const struct enoki_function_settings *function = enoki_runtime_function(work->pool->runtime);
    struct en_call_info info;
    uint64_t now = en_clock_ms();
    bool logs = enoki_runtime_node(work->pool->runtime)->log_access != 0;
    uint64_t started_us = logs ? en_clock_ns() / 1000 : 0;
    int rc = 0;
    enum en_route route = en_route_find(request, function->name, &info.subpath);

    en_reply_reset(&work->reply);
    if (route == EN_ROUTE_CALL) {
        info.id = work->next_id++;
        info.deadline_ms =
            now + en_request_timeout_ms(request, work->pool->limits->call_timeout_ms);
        /* Earlier answers must not die with this call. */
        (void)en_connection_flush(work->http);
        note_rest(work, request);
        tell_due(work, now, info.deadline_ms);
        en_work_begin(work, EN_POOL_CALLING, now, info.deadline_ms);
        en_instance_run(work->instance, request, &info, &work->reply);
        en_work_end(work, EN_POOL_READING);
        now = en_clock_ms();
    } else {
        if (route == EN_ROUTE_ASYNC)
            rc = submit_async(work, request, info.subpath);
        en_client_answer(route, rc, &work->reply);
    }
    if (logs && (route == EN_ROUTE_CALL || route == EN_ROUTE_NONE || rc != 0))
        log_access(work, route, started_us);
    if (atomic_load_explicit(&work->pool->shared->draining, memory_order_relaxed) != 0)
        en_connection_close_after(work->http);
    return en_connection_reply(work->http, &work->reply, now);
}

static void let_go(struct en_work *work, uint32_t slot)
{
    if (work->held[slot] == 0)
        return;
    (void)close(work->pool->slot_base + (int)slot);
    work->held[slot] = 0;
    work->held_count--;
}

/* Opens the connection's descriptor here under its number. */
static bool hold(struct en_work *work, uint32_t slot, uint32_t generation)
{
    int number = work->pool->slot_base + (int)slot, fd;

    if (work->held[slot] == generation)
        return true;
    let_go(work, slot);
    /* User code may have opened so many files that it came here: those are its own. */
    if (fcntl(number, F_GETFD) != -1)
        return false;
    fd = pidfd_getfd(work->parent, number, 0);
    if (fd < 0)
        return false;
    if (fd != number) {
        int moved = dup3(fd, number, O_CLOEXEC);

        (void)close(fd);
        if (moved != number)
            return false;
    }
    work->held[slot] = generation;
    work->held_count++;
    return true;
}

static void give_back(struct en_work *work, uint32_t slot, uint32_t generation, bool with_bytes)
{
    struct en_pool_message message = {
        .type = EN_POOL_RETURN, .slot = slot, .generation = generation};
    struct en_buffer bytes = EN_BUFFER_INIT(SIZE_MAX - 2);
    const void *input, *output;
    size_t input_len = 0, output_len = 0;
    bool close_after = false;
    int rc = 0;

    if (with_bytes) {
        en_connection_pending(work->http, &input, &input_len, &output, &output_len, &close_after);
        rc = en_buffer_append(&bytes, input, input_len);
        if (rc == 0)
            rc = en_buffer_append(&bytes, output, output_len);
    }
    message.input_len = input_len;
    message.close_after = close_after ? 1 : 0;
    message.continued = with_bytes && en_connection_has_continued(work->http) ? 1 : 0;
    if (rc != 0 || en_work_tell(work, &message, bytes.data, bytes.len) != 0)
        work->over = true;
    en_buffer_fini(&bytes);
    let_go(work, slot);
}

static void rearm(struct en_work *work, uint32_t slot, uint32_t generation)
{
    struct epoll_event event = en_pool_event(slot, generation);

    if (epoll_ctl(work->pool->set, EPOLL_CTL_MOD, work->pool->slot_base + (int)slot, &event) != 0)
        give_back(work, slot, generation, true);
}

/* Goes on while bytes keep coming, or going, at once. */
static enum en_want be_patient(struct en_work *work, enum en_want want)
{
    for (int round = 0; round < PATIENCE_ROUNDS; round++) {
        struct pollfd fd = {.fd = en_connection_fd(work->http),
                            .events = want == EN_WANT_WRITE ? POLLOUT : POLLIN};

        if (poll(&fd, 1, PATIENCE_MS) <= 0)
            break;
        want = en_connection_advance(work->http, en_clock_ms());
        while (want == EN_WANT_CALL)
            want = answer(work);
        if (want == EN_WANT_CLOSE || en_connection_is_idle(work->http))
            break;
    }
    return want;
}

static void serve(struct en_work *work, uint32_t slot, uint32_t generation)
{
    struct en_pool_message message = {
        .type = EN_POOL_CLOSE, .slot = slot, .generation = generation};
    uint64_t now = en_clock_ms();
    enum en_want want;

    if (!hold(work, slot, generation)) {
        give_back(work, slot, generation, false);
        return;
    }
    work->status->slot = slot;
    work->status->generation = generation;
    atomic_store_explicit(&work->status->state, EN_POOL_READING, memory_order_release);
    en_connection_reset(work->http, work->pool->slot_base + (int)slot, now);
    want = en_connection_advance(work->http, now);
    while (want == EN_WANT_CALL)
        want = answer(work);
    if (want != EN_WANT_CLOSE && !en_connection_is_idle(work->http))
        want = be_patient(work, want);

    if (want == EN_WANT_CLOSE) {
        let_go(work, slot);
        if (en_work_tell(work, &message, NULL, 0) != 0)
            work->over = true;
    } else if (en_connection_is_idle(work->http)) {
        rearm(work, slot, generation);
    } else {
        give_back(work, slot, generation, true);
    }
    atomic_store_explicit(&work->status->state, EN_POOL_IDLE, memory_order_release);
}

/* --- life ------------------------------------------------------------------------------------ */

/* A duplicate keeps a connection half alive that others have ended. */
static void tidy(struct en_work *work)
{
    for (uint32_t slot = 0; slot < work->pool->slots && work->held_count > 0; slot++) {
        char byte;

        if (work->held[slot] == 0)
            continue;
        if (recv(work->pool->slot_base + (int)slot, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0 &&
            errno != EAGAIN)
            let_go(work, slot);
    }
}

static void receive(struct en_work *work, int wait)
{
    int rc = en_packet_receive(&work->packet, work->pool->calls[1], wait);

    if (rc < 0)
        work->over = true;
    else if (rc == 1)
        en_work_run_submitted(work);
}

static void wait_and_work(struct en_work *work)
{
    struct epoll_event event;
    int count = epoll_wait(work->pool->set, &event, 1, work->held_count > 0 ? TIDY_MS : -1);

    if (count < 0 && errno != EINTR)
        work->over = true;
    if (count == 0)
        tidy(work);
    if (count != 1)
        return;
    if (event.data.u64 == EN_POOL_CALLS) {
        receive(work, 0);
    } else {
        uint32_t slot = en_pool_event_slot(&event);

        if (slot < work->pool->slots)
            serve(work, slot, en_pool_event_generation(&event));
    }
}

/* Others' memory is out of reach of a stray pointer. */
static int fence(const struct en_work *work)
{
    const struct en_pool *pool = work->pool;
    size_t before = work->number * pool->part_bytes;
    size_t after = (pool->workers_max - work->number - 1) * pool->part_bytes;

    if (before > 0 && mprotect(pool->parts, before, PROT_NONE) != 0)
        return ENOKI_EIO;
    if (after > 0 && mprotect(pool->parts + before + pool->part_bytes, after, PROT_NONE) != 0)
        return ENOKI_EIO;
    return 0;
}

static int set_up(struct en_work *work, struct enoki_error *err)
{
    struct en_pool *pool = work->pool;
    const struct enoki_runtime *runtime = pool->runtime;
    struct en_connection_options http = {
        .limits = pool->limits,
        .memory = (char *)work->status + EN_POOL_PAGE,
        .memory_size = pool->part_bytes - EN_POOL_PAGE,
    };
    struct en_instance_options options = {
        .plugin = en_runtime_plugin(runtime),
        .function = enoki_runtime_function(runtime),
        .node = enoki_runtime_node(runtime),
        .log = en_runtime_log(runtime),
        .worker = work->name,
        .state_door = pool->door[1] >= 0 ? pool->door[1] : 0,
        .routes = en_runtime_routes(runtime),
    };
    int rc = fence(work);

    if (rc == 0)
        rc = en_packet_init(&work->packet, pool->packet.max);
    if (rc == 0 && pool->shares_connections) {
        work->parent = pidfd_open(pool->parent, 0);
        work->held = calloc(pool->slots, sizeof(*work->held));
        rc = work->parent < 0 ? ENOKI_EIO : work->held == NULL ? ENOKI_ENOMEM : 0;
        if (rc == 0)
            rc = en_connection_new(&work->http, -1, &http, en_clock_ms());
    }
    if (rc != 0)
        return enoki_error_set(err, rc, "a worker cannot start: %s", enoki_error_text(rc));
    work->headers = calloc(EN_HEADERS_MAX, sizeof(*work->headers));
    if (work->headers == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "a worker cannot start: out of memory");
    en_reply_init(&work->reply, pool->limits->max_reply_bytes);
    return en_instance_open(&work->instance, &options, err);
}

static bool is_worn(const struct en_work *work)
{
    uint64_t most = work->pool->one_call ? 1 : work->pool->limits->calls_per_worker;

    return en_instance_is_worn(work->instance) || (most > 0 && work->calls >= most);
}

int en_pool_work(struct en_pool *pool, uint32_t number)
{
    struct en_work work = {.pool = pool,
                           .status = en_pool_status(pool, number),
                           .number = number,
                           .parent = -1,
                           .packet.passed = -1,
                           .next_id = (uint64_t)getpid() << 32 | 1};
    struct en_pool_message message = {0};
    struct enoki_error err = ENOKI_ERROR_INIT;
    int status;

    (void)snprintf(work.name, sizeof(work.name), "%u", number);
    status = set_up(&work, &err) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    message.type = status == EXIT_SUCCESS ? EN_POOL_READY : EN_POOL_FAILED;
    if (en_work_tell(&work, &message, err.message, strlen(err.message)) != 0 ||
        status != EXIT_SUCCESS)
        work.over = true;
    while (!work.over && !is_worn(&work)) {
        if (pool->shares_connections)
            wait_and_work(&work);
        else
            receive(&work, 1);
    }
    if (work.http != NULL)
        en_connection_reset(work.http, -1, en_clock_ms()); /* the duplicates end with the process */
    en_connection_free(work.http);
    en_instance_free(work.instance);
    en_reply_fini(&work.reply);
    en_packet_fini(&work.packet);
    free(work.headers);
    free(work.held);
    return status;
}
