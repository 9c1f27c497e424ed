#include "invoke/pool.h"

#include "base/checked.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/heap.h"
#include "invoke/ended.h"
#include "invoke/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A worker's open tells best what took too long: it is given a moment to. */
#define START_GRACE_MS 1000u
#define END_TIMEOUT_MS 1000u

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            (void)close(pair[i]);
        pair[i] = -1;
    }
}

static void free_pool(struct en_pool *pool)
{
    if (pool == NULL)
        return;
    en_watch_free(pool->results_watch);
    en_watch_free(pool->control_watch);
    en_packet_fini(&pool->packet);
    close_pair(pool->calls);
    close_pair(pool->results);
    close_pair(pool->control);
    en_relay_stop(pool->relay);
    close_pair(pool->door);
    if (pool->set >= 0)
        (void)close(pool->set);
    if (pool->parts != NULL)
        (void)munmap(pool->parts, pool->workers_max * pool->part_bytes);
    if (pool->shared != NULL)
        (void)munmap(pool->shared, EN_POOL_PAGE);
    en_trays_fini(&pool->trays);
    free(pool->workers);
    free(pool->connections);
    free(pool->generations);
    free(pool);
}

/* Room for the descriptors of all connections above those of user code. */
static bool reserve_numbers(struct en_pool *pool)
{
    uint64_t wanted = EN_POOL_SLOT_BASE + pool->slots + 64;

    pool->slot_base = EN_POOL_SLOT_BASE;
    return en_descriptors_reserve(wanted) >= wanted;
}

/* Whether children may fetch descriptors from this process. Without that the parent reads all
 * requests itself: slower, not wrong. */
static bool can_share(const struct en_pool *pool)
{
    int self = pidfd_open(getpid(), 0), fd = -1;

    if (self >= 0)
        fd = pidfd_getfd(self, pool->control[0], 0);
    if (fd >= 0)
        (void)close(fd);
    if (self >= 0)
        (void)close(self);
    return fd >= 0;
}

static int make_set(struct en_pool *pool)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = EN_POOL_CALLS};

    pool->set = epoll_create1(EPOLL_CLOEXEC);
    if (pool->set < 0 || epoll_ctl(pool->set, EPOLL_CTL_ADD, pool->calls[1], &event) != 0)
        return ENOKI_EIO;
    return 0;
}

static int map_memory(struct en_pool *pool)
{
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    size_t part, total;

    if (!en_add_size(pool->limits->max_header_bytes, pool->limits->max_body_bytes, &part) ||
        !en_add_size(part, 4 * EN_POOL_PAGE, &part))
        return ENOKI_ENOMEM;
    part = pool->one_call ? EN_POOL_PAGE : part & ~(size_t)(EN_POOL_PAGE - 1);
    if (!en_mul_size(part, pool->workers_max, &total))
        return ENOKI_ENOMEM;
    pool->part_bytes = part;
    pool->parts = mmap(NULL, total, protection, flags, -1, 0);
    if (pool->parts == MAP_FAILED) {
        pool->parts = NULL;
        return ENOKI_ENOMEM;
    }
    pool->shared = mmap(NULL, EN_POOL_PAGE, protection, flags, -1, 0);
    if (pool->shared == MAP_FAILED) {
        pool->shared = NULL;
        return ENOKI_ENOMEM;
    }
    return en_trays_init(&pool->trays, EN_POOL_CALLS_EACH * pool->workers_max, !pool->one_call);
}

static int make_pairs(struct en_pool *pool)
{
    const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

    if (socketpair(AF_UNIX, type, 0, pool->calls) != 0 ||
        socketpair(AF_UNIX, type, 0, pool->results) != 0 ||
        socketpair(AF_UNIX, type, 0, pool->control) != 0)
        return ENOKI_EIO;
    /* A full socket must not stop the loop. */
    return fcntl(pool->calls[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : ENOKI_EIO;
}

static int make_tables(struct en_pool *pool)
{
    const struct enoki_limits *limits = pool->limits;
    uint64_t largest = limits->max_reply_bytes > limits->max_body_bytes ? limits->max_reply_bytes
                                                                        : limits->max_body_bytes;

    pool->workers = calloc(pool->workers_max, sizeof(*pool->workers));
    pool->connections = calloc(pool->slots, sizeof(struct enoki_connection *));
    pool->generations = calloc(pool->slots, sizeof(*pool->generations));
    if (pool->workers == NULL || pool->connections == NULL || pool->generations == NULL)
        return ENOKI_ENOMEM;
    return en_packet_init(&pool->packet, largest + 4 * limits->max_header_bytes + 65536);
}

/* The first words of the zygote. */
static int await_loaded(struct en_pool *pool, struct enoki_error *err)
{
    struct pollfd fd = {.fd = pool->control[0], .events = POLLIN};
    struct en_pool_message message = {0};
    char end[EN_ENDED_TEXT_SIZE];
    int rc;

    if (poll(&fd, 1, (int)pool->limits->start_timeout_ms) == 0)
        return enoki_error_set(err, ENOKI_ETIMEOUT,
                               "the function's preload did not end within %llu ms: what it loads "
                               "takes too long, or never ends",
                               (unsigned long long)pool->limits->start_timeout_ms);
    rc = en_packet_receive(&pool->packet, pool->control[0], 1);
    if (rc == 1 && pool->packet.len >= sizeof(message))
        memcpy(&message, pool->packet.data, sizeof(message));
    if (message.type == EN_POOL_LOADED)
        return 0;
    if (message.type == EN_POOL_FAILED)
        return enoki_error_set(err, ENOKI_EPLUGIN, "%.*s",
                               (int)(pool->packet.len - sizeof(message)),
                               pool->packet.data + sizeof(message));
    en_ended_wait(pool->zygote, end);
    return enoki_error_set(err, ENOKI_EPLUGIN,
                           "the process that loaded '%s' %s: look at what it does as it is loaded",
                           enoki_runtime_function(pool->runtime)->code, end);
}

static int fork_zygote(struct en_pool *pool, struct enoki_error *err)
{
    pool->parent = getpid();
    pool->zygote = fork();
    if (pool->zygote < 0)
        return enoki_error_set(err, ENOKI_EIO, "cannot fork: %s", strerror(errno));
    if (pool->zygote == 0)
        en_pool_zygote(pool);
    /* Where the kernel keeps processes from reading each other (Yama), our children still may. */
    (void)prctl(PR_SET_PTRACER, (unsigned long)pool->zygote, 0, 0, 0);
    (void)close(pool->control[1]);
    (void)close(pool->results[1]);
    pool->control[1] = -1;
    pool->results[1] = -1;
    if (pool->door[1] >= 0)
        (void)close(pool->door[1]);
    pool->door[1] = -1;
    return await_loaded(pool, err);
}

static int prepare(void **self_out, const struct enoki_runtime *runtime, bool one_call,
                   struct enoki_error *err)
{
    const struct enoki_function_settings *function = enoki_runtime_function(runtime);
    struct en_pool *pool = calloc(1, sizeof(*pool));
    int rc;

    if (pool == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the pool");
    pool->runtime = runtime;
    pool->limits = &function->limits;
    pool->one_call = one_call;
    pool->workers_max = function->workers_max;
    pool->slots = function->limits.max_connections > 65536
                      ? 65536
                      : (uint32_t)function->limits.max_connections;
    pool->set = -1;
    memset(pool->calls, -1, sizeof(pool->calls));
    memset(pool->results, -1, sizeof(pool->results));
    memset(pool->control, -1, sizeof(pool->control));
    memset(pool->door, -1, sizeof(pool->door));
    rc = make_pairs(pool);
    if (rc == 0 && en_runtime_has_remote_state(runtime))
        rc = en_relay_door(pool->door, err);
    if (rc == 0)
        rc = make_tables(pool);
    if (rc == 0)
        rc = map_memory(pool);
    /* Behind a front door there are none. */
    if (rc == 0 && !one_call && enoki_runtime_node(runtime)->listen_http != NULL &&
        reserve_numbers(pool) && can_share(pool)) {
        rc = make_set(pool);
        pool->shares_connections = rc == 0;
    }
    if (rc == 0)
        rc = fork_zygote(pool, err);
    else
        (void)enoki_error_set(err, rc, "cannot prepare the workers: %s", enoki_error_text(rc));
    if (rc != 0) {
        free_pool(pool);
        return rc;
    }
    *self_out = pool;
    return 0;
}

int enoki_pool_prepare_prefork(void **self_out, const struct enoki_runtime *runtime,
                               struct enoki_error *err)
{
    return prepare(self_out, runtime, false, err);
}

int enoki_pool_prepare_process(void **self_out, const struct enoki_runtime *runtime,
                               struct enoki_error *err)
{
    return prepare(self_out, runtime, true, err);
}

static void on_ready(struct en_pool *pool, uint32_t number)
{
    struct en_pool_worker *worker = &pool->workers[number];

    if (worker->phase != EN_POOL_STARTING)
        return;
    worker->phase = EN_POOL_ALIVE;
    pool->alive++;
    atomic_store(&pool->shared->ready, pool->alive);
    pool->fork_pause_ms = 0;
    en_pool_pump(pool);
    enoki_server_schedule(pool->server, en_clock_ms()); /* an extra one may have to go again */
}

static void on_message(struct en_pool *pool)
{
    struct en_pool_message message;
    const char *body = pool->packet.data + sizeof(message);
    size_t len = pool->packet.len - sizeof(message);

    memcpy(&message, pool->packet.data, sizeof(message));
    if (message.worker >= pool->workers_max)
        return;
    switch (message.type) {
    case EN_POOL_READY:
        on_ready(pool, message.worker);
        break;
    case EN_POOL_FAILED:
        (void)snprintf(pool->failure, sizeof(pool->failure), "%.*s", (int)len, body);
        en_log(en_server_log(pool->server), ENOKI_LOG_ERROR, "worker %u cannot start: %s",
               message.worker, pool->failure);
        break;
    case EN_POOL_REPLY:
        en_pool_on_reply(pool, &message, body, len);
        en_pool_pump(pool);
        break;
    case EN_POOL_SENT:
        en_pool_on_sent(pool, &message);
        en_pool_pump(pool);
        break;
    case EN_POOL_ASYNC:
        en_pool_on_async(pool, body, len);
        break;
    case EN_POOL_RETURN:
        en_pool_on_return(pool, &message, body, len);
        break;
    case EN_POOL_CLOSE:
        en_pool_on_close(pool, &message);
        break;
    case EN_POOL_BUSY:
        pool->watching = true;
        enoki_server_schedule(pool->server, en_clock_ms() + EN_POOL_LOOK_MS);
        break;
    case EN_POOL_DUE:
        enoki_server_schedule(pool->server, message.deadline_ms);
        break;
    default:
        break;
    }
}

void en_pool_on_results(void *context, bool readable, bool writable)
{
    struct en_pool *pool = context;
    int rc;

    (void)readable;
    (void)writable;
    while ((rc = en_packet_receive(&pool->packet, pool->results[0], 0)) == 1) {
        if (pool->packet.len >= sizeof(struct en_pool_message))
            on_message(pool);
    }
    if (rc == ENOKI_ECLOSED)
        en_watch_pause(pool->results_watch);
}

/* Until the workers that are always there can run calls. */
static int await_workers(struct en_pool *pool, struct enoki_error *err)
{
    uint32_t wanted = enoki_runtime_function(pool->runtime)->workers_min;
    uint64_t until = en_clock_ms() + pool->limits->start_timeout_ms + START_GRACE_MS;

    while (pool->alive < wanted) {
        struct pollfd fds[2] = {{.fd = pool->results[0], .events = POLLIN},
                                {.fd = pool->control[0], .events = POLLIN}};

        if (poll(fds, 2, 1000) < 0 && errno != EINTR)
            return enoki_error_set(err, ENOKI_EIO, "poll: %s", strerror(errno));
        en_pool_on_results(pool, true, false);
        if (pool->failure[0] != '\0')
            return enoki_error_set(err, ENOKI_EFUNCTION, "a worker cannot start: %s",
                                   pool->failure);
        en_pool_on_control(pool, true, false);
        if (pool->fork_pause_ms > 0)
            return enoki_error_set(err, ENOKI_EFUNCTION,
                                   "a worker ended before it was ready: look at the function's "
                                   "open");
        if (en_clock_ms() > until)
            return enoki_error_set(err, ENOKI_ETIMEOUT, "workers were not ready within %llu ms",
                                   (unsigned long long)pool->limits->start_timeout_ms);
    }
    return 0;
}

static int open_state(void *context, struct enoki_state **out, struct enoki_error *err)
{
    return en_runtime_open_state(context, out, err);
}

static void log_relay(void *context, int level, const char *message)
{
    en_log(en_runtime_log(context), (enum enoki_log_level)level, "%s", message);
}

/* After the zygote was forked: what is behind the state does not survive a fork. */
static int start_relay(struct en_pool *pool, struct enoki_error *err)
{
    void *runtime = (void *)(uintptr_t)pool->runtime;
    const struct en_relay_options options = {
        .door = pool->door[0],
        .open = open_state,
        .context = runtime,
        .notify = {log_relay, runtime},
    };

    return pool->door[0] < 0 ? 0 : en_relay_start(&pool->relay, &options, err);
}

int enoki_pool_start(void **self, struct enoki_server *server, struct enoki_error *err)
{
    struct en_pool *pool = *self;
    int rc;

    pool->server = server;
    if (!pool->one_call)
        en_heap_keep();
    rc = en_watch_new(&pool->results_watch, en_server_loop(server), pool->results[0],
                      en_pool_on_results, pool);
    if (rc == 0)
        rc = en_watch_set(pool->results_watch, true, false);
    if (rc == 0)
        rc = en_watch_new(&pool->control_watch, en_server_loop(server), pool->control[0],
                          en_pool_on_control, pool);
    if (rc == 0)
        rc = en_watch_set(pool->control_watch, true, false);
    if (rc != 0)
        return enoki_error_set(err, rc, "the pool cannot start: %s", enoki_error_text(rc));
    rc = start_relay(pool, err);
    if (rc == 0) {
        en_pool_adapt(pool, en_clock_ms());
        rc = await_workers(pool, err);
    }
    if (rc != 0)
        enoki_pool_stop(pool);
    return rc;
}

int enoki_pool_take_connection(void *self, struct enoki_connection *connection)
{
    return en_pool_take(self, connection);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t enoki_pool_tick(void *self, uint64_t now_ms)
{
    struct en_pool *pool = self;
    uint64_t next = en_pool_expire_calls(pool, now_ms);

    if (enoki_server_is_draining(pool->server))
        atomic_store(&pool->shared->draining, 1);
    if (pool->fork_at_ms != 0 && now_ms >= pool->fork_at_ms) {
        pool->fork_at_ms = 0;
        en_pool_adapt(pool, now_ms);
    } else if (pool->fork_at_ms != 0) {
        next = earlier(next, pool->fork_at_ms);
    }
    next = earlier(next, en_pool_watch_cpu(pool, now_ms));
    next = earlier(next, en_pool_look(pool, now_ms));
    next = earlier(next, en_pool_idle_look(pool, now_ms));
    next = earlier(next, en_pool_shrink(pool, now_ms));
    next = earlier(next, en_pool_rest(pool, now_ms));
    /* A call that a worker reads itself starts without a word: none of them can be due before. */
    return pool->taken > 0 ? earlier(next, now_ms + pool->limits->call_timeout_ms) : next;
}

int enoki_pool_is_idle(void *self)
{
    const struct en_pool *pool = self;

    return pool->queue.count == 0 && pool->sent.count == 0;
}

static void end_workers(struct en_pool *pool)
{
    uint64_t until = en_clock_ms() + END_TIMEOUT_MS;
    bool killed = false;

    /* Their socket ends: workers that are not in a call close their instance and go. */
    (void)close(pool->calls[0]);
    pool->calls[0] = -1;
    while (pool->present > 0) {
        struct pollfd fd = {.fd = pool->control[0], .events = POLLIN};
        struct en_pool_message message;

        if (poll(&fd, 1, 20) < 0 && errno != EINTR)
            break;
        while (en_packet_receive(&pool->packet, pool->control[0], 0) == 1) {
            if (pool->packet.len < sizeof(message))
                continue;
            memcpy(&message, pool->packet.data, sizeof(message));
            if (message.type == EN_POOL_FORKED && message.worker < pool->workers_max)
                pool->workers[message.worker].pid = (pid_t)message.id;
            if (message.type == EN_POOL_DIED && pool->present > 0)
                pool->present--;
        }
        if (en_clock_ms() < until)
            continue;
        if (killed)
            break;
        killed = true;
        until += END_TIMEOUT_MS;
        for (uint32_t i = 0; i < pool->workers_max; i++) {
            if (pool->workers[i].phase != EN_POOL_ABSENT && pool->workers[i].pid > 0)
                (void)kill(pool->workers[i].pid, SIGKILL);
        }
    }
}

void enoki_pool_stop(void *self)
{
    struct en_pool *pool = self;

    if (pool == NULL)
        return;
    end_workers(pool);
    (void)close(pool->control[0]); /* the zygote's end */
    pool->control[0] = -1;
    (void)waitpid(pool->zygote, NULL, 0);
    free_pool(pool);
}
