#include "invoke/server_state.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "invoke/connection.h"
#include "invoke/frames.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken per wake-up, so that calls are not starved by a flood of connects. */
#define ACCEPT_BATCH 64
#define ACCEPT_PAUSE_MS 100u
/* Beside connections: modules, logs, frames and what dispatchers have. */
#define OTHER_DESCRIPTORS 256u
/* After a crowd has gone its memory is given back. */
#define CROWD 1024u
/* Above the limit, for listeners that have limits of their own. */
#define RESERVED_CONNECTIONS 64u

static const char too_many[] = "HTTP/1.1 503 Service Unavailable\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 21\r\n"
                               "Retry-After: 1\r\n"
                               "Connection: close\r\n\r\n"
                               "too many connections\n";

static void give_back_memory(struct enoki_server *server)
{
    size_t count = en_server_connection_count(server);

    if (count > server->crowd)
        server->crowd = count;
    if (server->crowd < CROWD || count > server->crowd / 4)
        return;
    server->crowd = count;
    (void)malloc_trim(0);
}

static void schedule_sweep(struct enoki_server *server, uint64_t now_ms)
{
    uint64_t horizon = server->limits->idle_timeout_ms;
    uint64_t at = en_server_sweep(server, now_ms);

    /* A deadline that is set after this sweep is at least one timeout away. */
    if (server->limits->request_timeout_ms < horizon)
        horizon = server->limits->request_timeout_ms;
    if (at > now_ms + horizon)
        at = now_ms + horizon;
    if (server->accept_paused && at > now_ms + ACCEPT_PAUSE_MS)
        at = now_ms + ACCEPT_PAUSE_MS;
    if (en_server_connection_count(server) == 0 && !server->accept_paused)
        at = UINT64_MAX;
    en_timer_set(server->sweep, at, now_ms);
}

static void set_accepting(struct enoki_server *server, bool on)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (!on)
            en_watch_pause(server->listener_watches[i]);
        else if (en_watch_set(server->listener_watches[i], true, false) != 0)
            server->accept_paused = true; /* the next sweep tries again */
    }
}

static void on_sweep(void *context)
{
    struct enoki_server *server = context;

    if (server->accept_paused) {
        server->accept_paused = false;
        set_accepting(server, true);
    }
    give_back_memory(server);
    schedule_sweep(server, en_clock_ms());
}

/* Over TLS without words: a handshake is more than is done for who is one too many. */
static void refuse(const struct en_server_listener *listener, int fd)
{
    if (listener->secure == NULL) {
        ssize_t sent = send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

        (void)sent; /* best effort */
    }
    (void)close(fd);
}

static int new_client(struct enoki_server *server, const struct en_server_listener *listener,
                      int fd, struct enoki_connection **out)
{
    const struct en_site *site = listener->site;
    struct en_transport *transport = NULL;
    uint64_t now = en_clock_ms();
    int rc = 0;

    if (site->admit != NULL)
        site = site->admit(site->context, fd);
    if (listener->secure != NULL)
        rc = en_secure_accept(listener->secure, fd, now, &transport);
    if (rc == 0)
        rc = en_client_new(out, server, site, fd, transport, now);
    if (rc != 0 && transport != NULL)
        transport->ops->free(transport);
    return rc;
}

/* A front door is for everybody: who is idle goes before who comes is refused, and who manages it
 * finds room of his own. */
static bool has_room(struct enoki_server *server, const struct en_server_listener *listener,
                     size_t count)
{
    uint64_t most = server->limits->max_connections;

    if (server->options.runtime != NULL || count < most)
        return count < most;
    if (listener->site->limits != NULL && count < most + RESERVED_CONNECTIONS)
        return true;
    return en_server_kick_oldest(server);
}

static void welcome(struct enoki_server *server, const struct en_server_listener *listener, int fd)
{
    struct enoki_connection *connection;
    size_t before = en_server_connection_count(server);

    if (!has_room(server, listener, before) ||
        new_client(server, listener, fd, &connection) != 0) {
        refuse(listener, fd);
        return;
    }
    en_server_add_connection(server, connection);
    en_server_give_connection(server, connection);
    if (before == 0)
        schedule_sweep(server, en_clock_ms());
}

/* False when nothing more can be accepted now. */
static bool accept_one(struct enoki_server *server, const struct en_server_listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        welcome(server, listener, fd);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        en_log(server->log, ENOKI_LOG_ERROR, "cannot accept: %s; trying again", strerror(errno));
        server->accept_paused = true;
        set_accepting(server, false);
        en_timer_set(server->sweep, en_clock_ms() + ACCEPT_PAUSE_MS, en_clock_ms());
        return false;
    }
    return errno == ECONNABORTED || errno == EINTR;
}

static void on_accept(void *context, bool readable, bool writable)
{
    struct enoki_server *server = context;

    (void)readable;
    (void)writable;
    for (size_t i = 0; i < server->listener_count; i++) {
        for (int n = 0; n < ACCEPT_BATCH; n++) {
            if (!accept_one(server, &server->listeners[i]))
                break;
        }
    }
}

static void stop_listening(struct enoki_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        en_watch_free(server->listener_watches[i]);
        server->listener_watches[i] = NULL;
        (void)close(server->listeners[i].fd);
    }
    server->listener_count = 0;
}

static void check_drained(struct enoki_server *server)
{
    if (!atomic_load(&server->draining) || en_server_connection_count(server) > 0 ||
        atomic_load(&server->outstanding) > 0 ||
        (server->frames != NULL && !en_frames_are_sent(server->frames)))
        return;
    if (server->dispatcher->is_idle == NULL || server->dispatcher->is_idle(server->self))
        en_loop_stop(server->loop);
}

static void begin_drain(struct enoki_server *server, bool take_backlog)
{
    uint64_t now = en_clock_ms();

    if (atomic_load(&server->draining))
        return;
    /* Who connected before the signal is served: the backlog counts as accepted. */
    while (take_backlog && server->listener_count > 0) {
        bool more = false;

        for (size_t i = 0; i < server->listener_count; i++)
            more = accept_one(server, &server->listeners[i]) || more;
        if (!more)
            break;
    }
    atomic_store(&server->draining, true);
    stop_listening(server);
    if (server->frames != NULL)
        en_frames_drain(server->frames);
    en_timer_set(server->drain_limit, now + server->limits->drain_timeout_ms, now);
    en_server_kick_idle(server);
    enoki_server_schedule(server, now);
    en_server_check(server);
}

void en_server_drain(struct enoki_server *server)
{
    begin_drain(server, true);
}

static void on_stop_signal(void *context, int signal_number)
{
    struct enoki_server *server = context;

    (void)signal_number;
    en_log(server->log, ENOKI_LOG_INFO, "draining");
    begin_drain(server, true);
}

static void on_drain_limit(void *context)
{
    struct enoki_server *server = context;

    server->gave_up = true;
    en_loop_stop(server->loop);
}

static void run_tick(struct enoki_server *server)
{
    uint64_t now = en_clock_ms();

    atomic_store(&server->tick_wanted_ms, UINT64_MAX);
    server->tick_at_ms = server->dispatcher->tick(server->self, now);
    en_timer_set(server->tick, server->tick_at_ms, now);
    check_drained(server);
}

static void on_tick(void *context)
{
    run_tick(context);
}

static void on_wake(void *context)
{
    struct enoki_server *server = context;
    uint64_t wanted = atomic_load(&server->tick_wanted_ms);

    en_server_deliver_posted(server);
    if (atomic_exchange(&server->retiring, false)) {
        /* A front door goes on until its own successor is there, and drains this one then. */
        if (server->frames != NULL) {
            en_frames_tell_retiring(server->frames);
        } else {
            if (server->options.retire != NULL)
                server->options.retire(server->options.context);
            begin_drain(server, false);
        }
    }
    if (wanted < server->tick_at_ms && server->dispatcher->tick != NULL) {
        server->tick_at_ms = wanted;
        en_timer_set(server->tick, wanted, en_clock_ms());
    }
    check_drained(server);
}

static void reserve_descriptors(const struct enoki_server *server)
{
    uint64_t most = server->limits->max_connections, wanted = most + OTHER_DESCRIPTORS;
    uint64_t have = server->listener_count == 0 ? wanted : en_descriptors_reserve(wanted);

    if (have < wanted)
        en_log(server->log, ENOKI_LOG_WARN,
               "limits.connections is %llu, but only %llu files may be open: raise the hard limit "
               "(ulimit -Hn, LimitNOFILE) or lower it",
               (unsigned long long)most, (unsigned long long)have);
}

static int start_loop(struct enoki_server *server, struct enoki_error *err)
{
    int rc = en_loop_new(&server->loop, err);

    if (rc == 0)
        rc = en_timer_new(&server->sweep, server->loop, on_sweep, server);
    if (rc == 0)
        rc = en_timer_new(&server->tick, server->loop, on_tick, server);
    if (rc == 0)
        rc = en_timer_new(&server->drain_limit, server->loop, on_drain_limit, server);
    if (rc == 0)
        rc = en_wake_new(&server->wake, server->loop, on_wake, server);
    if (rc == 0)
        rc = en_signal_new(&server->sigterm, server->loop, SIGTERM, on_stop_signal, server);
    if (rc == 0)
        rc = en_signal_new(&server->sigint, server->loop, SIGINT, on_stop_signal, server);
    for (size_t i = 0; i < server->listener_count && rc == 0; i++)
        rc = en_watch_new(&server->listener_watches[i], server->loop, server->listeners[i].fd,
                          on_accept, server);
    if (rc != 0 && (err == NULL || err->status == 0))
        return enoki_error_set(err, rc, "the server cannot start: %s", enoki_error_text(rc));
    return rc;
}

static void free_server(struct enoki_server *server)
{
    stop_listening(server);
    en_frames_free(server->frames);
    en_signal_free(server->sigterm);
    en_signal_free(server->sigint);
    en_timer_free(server->sweep);
    en_timer_free(server->tick);
    en_timer_free(server->drain_limit);
    en_wake_free(server->wake);
    en_loop_free(server->loop);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
}

static struct enoki_server *new_server(const struct en_server_options *options)
{
    struct enoki_server *server = calloc(1, sizeof(*server));
    uint64_t id = (uint64_t)getpid() << 32;

    if (server == NULL)
        return NULL;
    server->options = *options;
    server->input_budget.most = options->max_input_bytes;
    server->dispatcher = options->dispatcher;
    server->self = options->dispatcher_self;
    server->limits = options->limits;
    server->log = options->log;
    server->own_site = (struct en_site){
        .find = en_server_find_own, .submit = en_server_submit_own, .context = server};
    server->loop_thread = pthread_self();
    server->listener_count = options->listener_count;
    for (size_t i = 0; i < options->listener_count; i++) {
        server->listeners[i] = options->listeners[i];
        if (server->listeners[i].site == NULL)
            server->listeners[i].site = &server->own_site;
    }
    server->tick_at_ms = UINT64_MAX;
    atomic_init(&server->next_id, id + 1);
    atomic_init(&server->tick_wanted_ms, UINT64_MAX);
    (void)pthread_mutex_init(&server->mutex, NULL);
    return server;
}

static int open_frames(struct enoki_server *server, const struct en_door *door)
{
    const struct en_frames_options options = {
        .server = server, .door = door->fd, .peers = door->peers};

    return en_frames_new(&server->frames, &options);
}

int en_server_run(const struct en_server_options *options, struct enoki_error *err)
{
    struct enoki_server *server;
    int rc;

    if (options->listener_count > EN_LISTENERS_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT, "more than %u listeners", EN_LISTENERS_MAX);
    server = new_server(options);
    if (server == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the server");
    reserve_descriptors(server);
    rc = start_loop(server, err);
    if (rc != 0)
        goto out;
    rc = options->dispatcher->start(&server->self, server, err);
    if (rc != 0)
        goto out;

    if (options->door.fd >= 0)
        rc = open_frames(server, &options->door);
    if (rc != 0)
        goto out;
    set_accepting(server, true);
    if (server->dispatcher->tick != NULL)
        run_tick(server);
    if (options->ready != NULL)
        options->ready(options->context);
    if (server->frames != NULL)
        en_frames_tell_ready(server->frames);
    rc = en_loop_run(server->loop, err);
    options->dispatcher->stop(server->self);
    if (rc == 0 && server->gave_up)
        rc = enoki_error_set(err, ENOKI_ETIMEOUT,
                             "calls were given up: the drain limit of %llu ms was hit",
                             (unsigned long long)server->limits->drain_timeout_ms);
out:
    free_server(server);
    return rc;
}

struct en_loop *en_server_loop(struct enoki_server *server)
{
    return server->loop;
}

const struct en_log *en_server_log(const struct enoki_server *server)
{
    return server->log;
}

const struct enoki_limits *en_server_limits(const struct enoki_server *server)
{
    return server->limits;
}

struct en_input_budget *en_server_input_budget(struct enoki_server *server)
{
    return server->input_budget.most == 0 ? NULL : &server->input_budget;
}

const struct en_site *en_server_own_site(const struct enoki_server *server)
{
    return &server->own_site;
}

uint64_t en_server_next_id(struct enoki_server *server)
{
    return atomic_fetch_add(&server->next_id, 1);
}

const struct enoki_runtime *enoki_server_runtime(const struct enoki_server *server)
{
    return server->options.runtime;
}

int enoki_server_is_draining(const struct enoki_server *server)
{
    return atomic_load(&server->draining) ? 1 : 0;
}

void enoki_server_schedule(struct enoki_server *server, uint64_t now_ms)
{
    uint64_t wanted = atomic_load(&server->tick_wanted_ms);

    while (now_ms < wanted) {
        if (atomic_compare_exchange_weak(&server->tick_wanted_ms, &wanted, now_ms)) {
            en_wake_send(server->wake);
            return;
        }
    }
}

void enoki_server_retire(struct enoki_server *server)
{
    atomic_store(&server->retiring, true);
    en_wake_send(server->wake);
}
