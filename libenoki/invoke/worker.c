#include "base/clock.h"
#include "invoke/client.h"
#include "invoke/instance.h"
#include "invoke/route.h"
#include "invoke/runtime.h"
#include "invoke/server.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

/* Runs one call; its answer is in worker->reply. False: it was given up and answered meanwhile. */
static bool run(struct enoki_worker *worker, const struct en_request *request,
                const struct en_call_info *info, uint64_t now_ns)
{
    const uint64_t most = worker->limits->calls_per_worker;
    uint64_t until = info->deadline_ms;

    en_reply_reset(&worker->reply);
    atomic_store_explicit(&worker->since_ns, now_ns, memory_order_relaxed);
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

/* Answers the request that is here. False: its call was given up, http is of no use any more. */
static bool answer(struct enoki_worker *worker, struct enoki_connection *client, uint64_t *now_ns,
                   enum en_want *want)
{
    const struct en_request *request = en_connection_request(client->http);
    struct en_call_info info;
    enum en_route route = en_route_find(request, worker->options.function->name, &info.subpath);
    int rc = 0;

    if (route == EN_ROUTE_CALL) {
        info.id = en_server_next_id(worker->server);
        info.deadline_ms = ns_to_ms(*now_ns) + worker->limits->call_timeout_ms;
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

    return until == NO_CALL ? UINT64_MAX : until;
}

/* Answers 504 past the thread that holds the connection: it has left http alone since the call
 * began, and will only free it. As far as the socket takes it; the client of a hung function that
 * does not read its answers either gets just the end. */
static void answer_504(struct enoki_connection *client)
{
    static const char head[] = "HTTP/1.1 504 Gateway Timeout\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 23\r\n"
                               "Connection: close\r\n"
                               "\r\n";
    static const char body[] = "the call took too long\n";
    const struct en_request *request = en_connection_request(client->http);
    bool is_head = en_request_method_is(request, "HEAD");
    int fd = en_connection_fd(client->http);
    const void *input;
    const void *unsent;
    size_t input_len;
    size_t unsent_len;
    bool close_after;

    _Static_assert(sizeof(body) - 1 == 23, "Content-Length above");
    en_connection_pending(client->http, &input, &input_len, &unsent, &unsent_len, &close_after);
    if (unsent_len == 0 ||
        send(fd, unsent, unsent_len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)unsent_len) {
        if (send(fd, head, sizeof(head) - 1,
                 MSG_NOSIGNAL | MSG_DONTWAIT | (is_head ? 0 : MSG_MORE)) ==
                (ssize_t)(sizeof(head) - 1) &&
            !is_head)
            (void)send(fd, body, sizeof(body) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    /* Not for reading: unread pipelined requests would turn the end into a reset. */
    (void)shutdown(fd, SHUT_WR);
}

/* Consumes shell. */
static void answer_late(struct enoki_worker *worker, struct enoki_invocation *shell)
{
    if (worker->connection != NULL) {
        free(shell);
        answer_504(worker->connection);
        en_server_remove_connection(worker->server, worker->connection);
    } else {
        *shell = *worker->invocation;
        en_invocation_fail(shell, 504, "the call took too long\n");
    }
}

int enoki_worker_expire(struct enoki_worker *worker, uint64_t now_ms)
{
    uint64_t until = atomic_load_explicit(&worker->until_ms, memory_order_acquire);
    struct enoki_invocation *shell;
    bool is_ours;

    if (until == NO_CALL || until == GIVEN_UP || until > now_ms)
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
        en_log(worker->options.log, ENOKI_LOG_WARN,
               "worker %s: a call did not end in %" PRIu64
               " ms: answered 504, its thread is given up",
               worker->name, worker->limits->call_timeout_ms);
        answer_late(worker, shell);
    }
    (void)pthread_mutex_unlock(&worker->giving_up);
    if (!is_ours)
        free(shell);
    return is_ours;
}

void enoki_invocation_run(struct enoki_invocation *inv, struct enoki_worker *worker)
{
    uint64_t now_ns = en_clock_ns();
    struct enoki_invocation *copy = NULL;
    const struct enoki_invocation *source = inv;
    struct en_call_info info = {.id = inv->id, .deadline_ms = inv->deadline_ms};

    if (ns_to_ms(now_ns) >= inv->deadline_ms) {
        en_invocation_fail(inv, 504, "the call waited too long for a worker\n");
        return;
    }
    /* A request of a connection goes away with the answer, which need not be this thread's. */
    if (inv->connection != NULL) {
        if (en_invocation_copy(&copy, worker->server, &inv->request, inv->subpath,
                               ns_to_ms(now_ns)) != 0) {
            en_invocation_fail(inv, 503, "no memory for this call: try again later\n");
            return;
        }
        source = copy;
    }
    info.subpath = source->subpath;
    worker->connection = NULL;
    worker->invocation = inv;
    if (run(worker, &source->request, &info, now_ns))
        en_invocation_finish(inv, &worker->reply);
    else
        free(inv);
    free(copy);
}
