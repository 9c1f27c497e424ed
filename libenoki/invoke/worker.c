#include "base/clock.h"
#include "invoke/access.h"
#include "invoke/bounds.h"
#include "invoke/client.h"
#include "invoke/direct.h"
#include "invoke/instance.h"
#include "invoke/route.h"
#include "invoke/runtime.h"
#include "invoke/server.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <time.h>

#define SLACK_MS 100u /* by which a deadline may be noticed late */
#define NO_CALL 0u
#define GIVEN_UP UINT64_MAX

struct enoki_worker {
    struct enoki_server *server;
    const struct enoki_limits *limits;
    struct en_instance_options options;
    char name[16];
    struct en_instance *instance; /* NULL: could not be opened again */
    struct en_reply reply;
    uint64_t calls; /* of this instance */

    /* NO_CALL, GIVEN_UP, or when the call that runs has to be given up. One exchange decides who
     * answers: the thread that comes back from the call (NO_CALL) or the loop thread (GIVEN_UP). */
    _Atomic uint64_t until_ms;
    _Atomic uint64_t since_ns;
    _Atomic uint64_t cpu_until_ns; /* of the thread's CPU clock; 0: no limit */
    clockid_t cpu_clock;
    pthread_mutex_t
        giving_up; /* held by the loop thread from that exchange until it has answered */
    /* What the call came with, one of the two; the loop thread's while it gives the call up. */
    struct enoki_connection *connection;
    struct enoki_invocation *invocation;
};

static uint64_t ns_to_ms(uint64_t ns)
{
    return ns / 1000000u;
}

int enoki_worker_open(struct enoki_worker **out, struct enoki_server *server, uint32_t index,
                      struct enoki_error *err)
{
    const struct enoki_runtime *runtime = enoki_server_runtime(server);
    struct enoki_worker *worker;
    int rc;

    if (en_runtime_plugin(runtime) == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "the function is not loaded: load it first");
    worker = calloc(1, sizeof(*worker));
    if (worker == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    worker->server = server;
    worker->limits = &enoki_runtime_function(runtime)->limits;
    (void)snprintf(worker->name, sizeof(worker->name), "%" PRIu32, index);
    worker->options.plugin = en_runtime_plugin(runtime);
    worker->options.function = enoki_runtime_function(runtime);
    worker->options.node = enoki_runtime_node(runtime);
    worker->options.log = en_runtime_log(runtime);
    worker->options.worker = worker->name;
    worker->options.routes = en_runtime_routes(runtime);
    atomic_init(&worker->until_ms, NO_CALL);
    atomic_init(&worker->since_ns, 0);
    (void)pthread_mutex_init(&worker->giving_up, NULL);
    en_reply_init(&worker->reply, worker->limits->max_reply_bytes);
    rc = en_instance_open(&worker->instance, &worker->options, err);
    if (rc != 0) {
        enoki_worker_free(worker);
        return rc;
    }
    *out = worker;
    return 0;
}

void enoki_worker_free(struct enoki_worker *worker)
{
    if (worker == NULL)
        return;
    en_instance_free(worker->instance);
    en_reply_fini(&worker->reply);
    (void)pthread_mutex_destroy(&worker->giving_up);
    free(worker);
}

/* A new instance after so many calls, between two of them. */
static int renew_instance(struct enoki_worker *worker)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    int rc;

    en_instance_free(worker->instance);
    worker->instance = NULL;
    worker->calls = 0;
    rc = en_instance_open(&worker->instance, &worker->options, &err);
    if (rc != 0) {
        en_log(worker->options.log, ENOKI_LOG_ERROR, "worker %s cannot be opened again: %s",
               worker->name, err.message);
        en_reply_text(&worker->reply, 500, err.message);
    }
    return rc;
}

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void begin_cpu(struct enoki_worker *worker)
{
    (void)pthread_getcpuclockid(pthread_self(), &worker->cpu_clock);
    atomic_store_explicit(&worker->cpu_until_ns,
                          read_ns(CLOCK_THREAD_CPUTIME_ID) + worker->limits->cpu_time_ms * 1000000u,
                          memory_order_relaxed);
}

/* Of a call that runs: the CPU time that it may still use, in ms; UINT64_MAX: any. */
static uint64_t cpu_left_ms(const struct enoki_worker *worker)
{
    uint64_t until = atomic_load_explicit(&worker->cpu_until_ns, memory_order_relaxed), used;

    if (until == 0)
        return UINT64_MAX;
    used = read_ns(worker->cpu_clock);
    return used >= until ? 0 : ns_to_ms(until - used) + 1;
}

/* Runs one call; its answer is in worker->reply. False: it was given up and answered meanwhile. */
static bool run(struct enoki_worker *worker, const struct en_request *request,
                const struct en_call_info *info, uint64_t now_ns)
{
    const uint64_t most = worker->limits->calls_per_worker;
    uint64_t until = info->deadline_ms;

    en_reply_reset(&worker->reply);
    /* The loop looks once per timeout: what is due before has to be said. */
    if (until + SLACK_MS < ns_to_ms(now_ns) + worker->limits->call_timeout_ms)
        enoki_server_schedule(worker->server, until);
    atomic_store_explicit(&worker->since_ns, now_ns, memory_order_relaxed);
    if (worker->limits->cpu_time_ms != 0)
        begin_cpu(worker);
    /* Publishes what the call came with. */
    atomic_store_explicit(&worker->until_ms, until, memory_order_release);
    if ((worker->instance != NULL && (most == 0 || worker->calls < most)) ||
        renew_instance(worker) == 0) {
        worker->calls++;
        en_instance_run(worker->instance, request, info, &worker->reply);
    }
    if (atomic_compare_exchange_strong_explicit(&worker->until_ms, &until, NO_CALL,
                                                memory_order_acq_rel, memory_order_acquire))
        return true;
    /* What the call came with is this thread's to free, once the loop thread is done with it. */
    (void)pthread_mutex_lock(&worker->giving_up);
    (void)pthread_mutex_unlock(&worker->giving_up);
    return false;
}

static void log_access(const struct enoki_worker *worker, const struct enoki_connection *client,
                       enum en_route route, uint64_t started_ns)
{
    const struct en_access access = {
        .request = en_connection_request(client->http),
        .function = route == EN_ROUTE_CALL ? worker->options.function->name : NULL,
        .protocol = "http",
        .fd = en_connection_fd(client->http),
        .started_us = started_ns / 1000,
        .status = worker->reply.status,
        .reply_bytes = worker->reply.body.len,
    };

    en_access_log(worker->options.log, &access);
}

/* Answers the request that is here. False: its call was given up, http is of no use any more. */
static bool answer(struct enoki_worker *worker, struct enoki_connection *client, uint64_t *now_ns,
                   enum en_want *want)
{
    const struct en_request *request = en_connection_request(client->http);
    struct en_call_info info;
    enum en_route route = en_route_find(request, worker->options.function->name, &info.subpath);
    uint64_t started_ns = *now_ns;
    int rc = 0;

    if (route == EN_ROUTE_CALL) {
        info.id = en_server_next_id(worker->server);
        info.deadline_ms =
            ns_to_ms(*now_ns) + en_request_timeout_ms(request, worker->limits->call_timeout_ms);
        worker->connection = client;
        worker->invocation = NULL;
        if (!run(worker, request, &info, *now_ns))
            return false;
        *now_ns = en_clock_ns();
    } else {
        en_reply_reset(&worker->reply);
        if (route == EN_ROUTE_ASYNC)
            rc = en_server_submit_async(worker->server, request, info.subpath);
        en_client_answer(route, rc, &worker->reply);
    }
    if (worker->options.node->log_access != 0 &&
        (route == EN_ROUTE_CALL || route == EN_ROUTE_NONE || rc != 0))
        log_access(worker, client, route, started_ns);
    if (enoki_server_is_draining(worker->server))
        en_connection_close_after(client->http);
    *want = en_connection_reply(client->http, &worker->reply, ns_to_ms(*now_ns));
    return true;
}

/* Hands the connection back to wait for its socket, or ends it. */
static enum enoki_want settle(struct enoki_connection *client, enum en_want want)
{
    bool is_idle = want != EN_WANT_CLOSE && en_connection_is_idle(client->http);

    /* Before the look at draining: whichever of us is second sees what the other one did. */
    atomic_store(&client->is_idle, is_idle);
    if (want == EN_WANT_CLOSE || (is_idle && enoki_server_is_draining(client->server))) {
        en_server_remove_connection(client->server, client);
        en_client_free(client);
        return ENOKI_WANT_CLOSE;
    }
    atomic_store_explicit(&client->waits_write, want == EN_WANT_WRITE, memory_order_relaxed);
    atomic_store_explicit(&client->deadline_ms, en_connection_deadline(client->http),
                          memory_order_release);
    return want == EN_WANT_WRITE ? ENOKI_WANT_WRITE : ENOKI_WANT_READ;
}

enum enoki_want enoki_worker_serve(struct enoki_worker *worker, struct enoki_connection *client)
{
    /* Takes over what the last owner left (see settle). */
    uint64_t deadline_ms = atomic_load_explicit(&client->deadline_ms, memory_order_acquire);
    uint64_t now_ns = en_clock_ns();
    enum en_want want;

    atomic_store_explicit(&client->deadline_ms, UINT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&client->is_idle, false, memory_order_relaxed);
    /* Late and between requests: one that has come in the last moment is still answered; if none
     * has, there is the end of input that the kick made. */
    if (ns_to_ms(now_ns) >= deadline_ms && !en_connection_is_idle(client->http))
        want = en_connection_expire(client->http, ns_to_ms(now_ns));
    else
        want = en_connection_advance(client->http, ns_to_ms(now_ns));
    while (want == EN_WANT_CALL) {
        if (!answer(worker, client, &now_ns, &want)) {
            en_client_free(client);
            return ENOKI_WANT_GIVE_UP;
        }
    }
    return settle(client, want);
}

int enoki_connection_fd(const struct enoki_connection *client)
{
    return en_connection_fd(client->http);
}

void enoki_connection_set_data(struct enoki_connection *client, void *data)
{
    client->data = data;
}

void *enoki_connection_data(const struct enoki_connection *client)
{
    return client->data;
}

int enoki_worker_is_busy(const struct enoki_worker *worker, uint64_t *since_ns_out)
{
    if (atomic_load_explicit(&worker->until_ms, memory_order_acquire) == NO_CALL)
        return 0;
    *since_ns_out = atomic_load_explicit(&worker->since_ns, memory_order_relaxed);
    return 1;
}

uint64_t enoki_worker_deadline_ms(const struct enoki_worker *worker)
{
    uint64_t until = atomic_load_explicit(&worker->until_ms, memory_order_acquire);
    uint64_t left;

    if (until == NO_CALL || until == GIVEN_UP)
        return UINT64_MAX;
    left = cpu_left_ms(worker);
    return left < UINT64_MAX && en_clock_ms() + left < until ? en_clock_ms() + left : until;
}

/* Answers 504 past the thread that holds the connection: it has left http alone since the call
 * began, and will only free it. As far as the socket takes it; the client of a hung function that
 * does not read its answers either gets just the end. */
static void answer_504(struct enoki_connection *client, const char *body)
{
    char head[160];
    int head_len = snprintf(head, sizeof(head),
                            "HTTP/1.1 504 Gateway Timeout\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\n"
                            "Content-Length: %zu\r\n"
                            "Connection: close\r\n"
                            "\r\n",
                            strlen(body));
    const struct en_request *request = en_connection_request(client->http);
    bool is_head = en_request_method_is(request, "HEAD");
    int fd = en_connection_fd(client->http);
    const void *input;
    const void *unsent;
    size_t input_len;
    size_t unsent_len;
    bool close_after;

    en_connection_pending(client->http, &input, &input_len, &unsent, &unsent_len, &close_after);
    if (unsent_len == 0 ||
        send(fd, unsent, unsent_len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)unsent_len) {
        if (send(fd, head, (size_t)head_len,
                 MSG_NOSIGNAL | MSG_DONTWAIT | (is_head ? 0 : MSG_MORE)) == head_len &&
            !is_head)
            (void)send(fd, body, strlen(body), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    /* Not for reading: unread pipelined requests would turn the end into a reset. */
    (void)shutdown(fd, SHUT_WR);
}

/* Consumes shell. */
static void answer_late(struct enoki_worker *worker, struct enoki_invocation *shell,
                        const char *text)
{
    if (worker->connection != NULL) {
        free(shell);
        answer_504(worker->connection, text);
        en_server_remove_connection(worker->server, worker->connection);
    } else {
        *shell = *worker->invocation;
        en_invocation_fail(shell, 504, text);
    }
}

static void log_late(const struct enoki_worker *worker, bool is_used_up)
{
    const struct en_log_field limit = {"limit", is_used_up ? "cpu" : "timeout"};
    char text[128];

    (void)snprintf(
        text, sizeof(text),
        "worker %s: a call did not end in %" PRIu64 " ms%s: answered 504, its thread is given up",
        worker->name, is_used_up ? worker->limits->cpu_time_ms : worker->limits->call_timeout_ms,
        is_used_up ? " of CPU time" : "");
    en_log_fields(worker->options.log, ENOKI_LOG_WARN, text, &limit, 1);
}

int enoki_worker_expire(struct enoki_worker *worker, uint64_t now_ms)
{
    uint64_t until = atomic_load_explicit(&worker->until_ms, memory_order_acquire);
    struct enoki_invocation *shell;
    bool is_ours, is_used_up;

    if (until == NO_CALL || until == GIVEN_UP)
        return 0;
    is_used_up = cpu_left_ms(worker) == 0;
    if (until > now_ms && !is_used_up)
        return 0;
    /* The function may go on reading the request of an invocation: that stays with its thread, and
     * a copy without it is finished. Without memory for it the next tick tries again. */
    shell = malloc(sizeof(*shell));
    if (shell == NULL)
        return 0;
    (void)pthread_mutex_lock(&worker->giving_up);
    is_ours = atomic_compare_exchange_strong_explicit(&worker->until_ms, &until, GIVEN_UP,
                                                      memory_order_acq_rel, memory_order_relaxed);
    if (is_ours) {
        log_late(worker, is_used_up);
        answer_late(worker, shell, is_used_up ? EN_CALL_USED_UP_TEXT : EN_CALL_LATE_TEXT);
    }
    (void)pthread_mutex_unlock(&worker->giving_up);
    if (!is_ours)
        free(shell);
    return !is_ours ? 0 : is_used_up ? 2 : 1;
}

void enoki_invocation_run(struct enoki_invocation *inv, struct enoki_worker *worker)
{
    uint64_t now_ns = en_clock_ns();
    struct enoki_invocation *copy = NULL;
    const struct enoki_invocation *source = inv;
    struct en_call_info info = {.id = inv->id, .deadline_ms = inv->deadline_ms};
    int lent = inv->lent;

    if (ns_to_ms(now_ns) >= inv->deadline_ms) {
        en_invocation_fail(inv, 504, "the call waited too long for a worker\n");
        return;
    }
    /* A request of a connection goes away with the answer, which need not be this thread's. */
    if (inv->is_borrowed) {
        const struct en_target target = {.subpath = inv->subpath, .function = inv->function};

        if (en_invocation_copy(&copy, worker->server, NULL, &inv->request, &target,
                               ns_to_ms(now_ns)) != 0) {
            en_invocation_fail(inv, 503, "no memory for this call: try again later\n");
            return;
        }
        source = copy;
    }
    info.subpath = source->subpath;
    worker->connection = NULL;
    worker->invocation = inv;
    inv->lent = -1; /* this thread's now: the loop's copy of a call that is given up has none */
    if (run(worker, &source->request, &info, now_ns)) {
        bool is_sent = lent >= 0 && en_direct_answer(lent, inv->lent_call, &worker->reply);

        en_invocation_finish(inv, is_sent ? NULL : &worker->reply);
    } else {
        free(inv);
    }
    if (lent >= 0)
        (void)close(lent);
    free(copy);
}
