#include "invoke/reader.h"

#include "base/clock.h"
#include "invoke/access.h"
#include "invoke/connection.h"
#include "invoke/route.h"
#include "invoke/server_state.h"
#include "invoke/streamed.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

struct en_reader {
    struct enoki_server *server;
    struct enoki_connection *connection;
    struct en_watch *watch;
    bool in_call;
    bool submitting; /* inside the dispatcher's submit */
    bool answered;   /* ... which answered at once, with this: */
    enum en_want want;
    struct en_streamed *streamed; /* the answer that is being sent; NULL: none */
};

struct en_streamed {
    struct en_reader *reader;
    en_gone_fn gone;
    void *context;
};

static void go_on(struct en_reader *reader, enum en_want want);

static void end_reader(struct en_reader *reader)
{
    en_watch_free(reader->watch);
    free(reader);
}

static void drop(struct en_reader *reader)
{
    struct enoki_connection *connection = reader->connection;

    end_reader(reader);
    en_server_remove_connection(connection->server, connection);
    en_client_free(connection);
}

static void wait_streaming(struct en_reader *reader, enum en_want want)
{
    /* A socket that is shut down is readable: what is wrong with it shows there. */
    if (want == EN_WANT_CLOSE || en_watch_set(reader->watch, true, want == EN_WANT_WRITE) != 0)
        (void)shutdown(en_connection_fd(reader->connection->http), SHUT_RDWR);
}

static void stream_on(struct en_reader *reader)
{
    struct en_streamed *streamed = reader->streamed;
    enum en_want want = en_connection_stream_advance(reader->connection->http, en_clock_ms());

    if (want != EN_WANT_CLOSE) {
        wait_streaming(reader, want);
        return;
    }
    reader->streamed = NULL;
    streamed->gone(streamed->context);
    free(streamed);
    drop(reader);
}

static void on_ready(void *context, bool readable, bool writable)
{
    struct en_reader *reader = context;
    uint64_t now = en_clock_ms();
    struct en_connection *http = reader->connection->http;

    (void)readable;
    (void)writable;
    if (reader->streamed != NULL) {
        stream_on(reader);
        return;
    }
    if (reader->in_call) {
        /* More input, or the end of it, while the call runs: looked at after the answer. */
        en_watch_pause(reader->watch);
        return;
    }
    if (now >= en_connection_deadline(http))
        go_on(reader, en_connection_expire(http, now));
    else
        go_on(reader, en_connection_advance(http, now));
}

/* Whoever is refused while connections are scarce makes room for others. */
static bool is_in_the_way(struct enoki_server *server, const struct en_reply *reply)
{
    return reply->status == 503 && reply->is_ours && server->options.runtime == NULL &&
           en_server_connection_count(server) > server->limits->max_connections / 2;
}

static enum en_want answer(struct en_reader *reader, const struct en_reply *reply)
{
    if (atomic_load(&reader->server->draining) || is_in_the_way(reader->server, reply))
        en_connection_close_after(reader->connection->http);
    return en_connection_reply(reader->connection->http, reply, en_clock_ms());
}

static const char *protocol_of(const struct en_reader *reader)
{
    return en_connection_is_secure(reader->connection->http) ? "https" : "http";
}

/* Of a call that did not become an invocation. */
static void log_refusal(const struct en_reader *reader, const struct en_reply *reply)
{
    const struct en_access access = {
        .request = en_connection_request(reader->connection->http),
        .protocol = protocol_of(reader),
        .fd = en_connection_fd(reader->connection->http),
        .started_us = en_clock_ns() / 1000,
        .status = reply->status,
        .reply_bytes = reply->body.len,
    };

    en_access_log(reader->server->log, &access);
}

/* As en_client_answer(), or in the site's own way. */
static enum en_want answer_self(struct en_reader *reader, enum en_route route, int refused)
{
    const struct en_site *site = reader->connection->site;
    struct en_reply reply;
    enum en_want want;

    en_reply_init(&reply, EN_SITE_REPLY_MAX_BYTES);
    if (refused == 0 && site->answer != NULL)
        site->answer(site->context, route, en_connection_request(reader->connection->http), &reply);
    else
        en_client_answer(route, refused, &reply);
    if (reader->server->options.log_access && (refused != 0 || route == EN_ROUTE_NONE))
        log_refusal(reader, &reply);
    want = answer(reader, &reply);
    en_reply_fini(&reply);
    return want;
}

/* Hands the call to the dispatcher. False: it is answered already, go on with *want. */
static bool submit(struct en_reader *reader, const struct en_target *target, enum en_want *want)
{
    struct enoki_server *server = reader->server;
    struct enoki_invocation *inv;
    int rc = 0;

    if (atomic_load(&server->outstanding) >= server->options.capacity)
        rc = ENOKI_ELIMIT;
    if (rc == 0)
        rc = en_invocation_new(&inv, server, &reader->connection->waiter,
                               en_connection_request(reader->connection->http), target,
                               en_clock_ms());
    if (rc != 0) {
        *want = answer_self(reader, EN_ROUTE_CALL, rc);
        return false;
    }
    inv->client_fd = en_connection_fd(reader->connection->http);
    atomic_fetch_add(&server->outstanding, 1);
    atomic_store(&reader->connection->deadline_ms, UINT64_MAX);
    atomic_store(&reader->connection->is_idle, false);
    reader->in_call = true;
    reader->submitting = true;
    reader->answered = false;
    reader->connection->site->submit(reader->connection->site->context, inv);
    reader->submitting = false;
    *want = reader->want;
    return !reader->answered;
}

/* Answers or submits the request that is here. False: the call is under way. */
static bool handle(struct en_reader *reader, enum en_want *want)
{
    const struct en_request *request = en_connection_request(reader->connection->http);
    const struct en_site *site = reader->connection->site;
    struct en_target target = {.data = NULL};
    enum en_route route = site->find(site->context, request, &target);
    int rc;

    target.protocol = protocol_of(reader);
    switch (route) {
    case EN_ROUTE_CALL:
        return !submit(reader, &target, want);
    case EN_ROUTE_ASYNC:
        rc = en_server_submit(reader->server, site, NULL, request, &target);
        *want = answer_self(reader, route, rc);
        return true;
    default:
        *want = answer_self(reader, route, 0);
        return true;
    }
}

/* For the sweep and the drain: what the connection waits for. */
static void publish(struct enoki_connection *connection, bool write)
{
    atomic_store(&connection->waits_write, write);
    atomic_store(&connection->is_idle, en_connection_is_idle(connection->http));
    atomic_store(&connection->deadline_ms, en_connection_deadline(connection->http));
}

/* True if the dispatcher took the connection. */
static bool offer(struct en_reader *reader)
{
    struct enoki_server *server = reader->server;
    struct enoki_connection *connection = reader->connection;

    if (!en_server_offers(server, connection) || !en_connection_is_idle(connection->http) ||
        atomic_load(&server->draining))
        return false;
    /* Whoever takes it may change the number of its socket, and end it before this thread goes on.
     */
    en_watch_pause(reader->watch);
    publish(connection, false);
    connection->reader = NULL;
    if (server->dispatcher->take_connection(server->self, connection) != 0) {
        connection->reader = reader;
        return false;
    }
    end_reader(reader);
    return true;
}

static void wait_for(struct en_reader *reader, bool write)
{
    publish(reader->connection, write);
    if (en_watch_set(reader->watch, !write, write) != 0)
        drop(reader);
}

static void go_on(struct en_reader *reader, enum en_want want)
{
    while (want == EN_WANT_CALL) {
        if (!handle(reader, &want))
            return;
    }
    switch (want) {
    case EN_WANT_CLOSE:
        drop(reader);
        break;
    case EN_WANT_WRITE:
        wait_for(reader, true);
        break;
    default:
        if (!offer(reader))
            wait_for(reader, false);
        break;
    }
}

static struct en_reader *reader_of(struct en_waiter *waiter)
{
    struct enoki_connection *connection =
        (struct enoki_connection *)(void *)((char *)waiter -
                                            offsetof(struct enoki_connection, waiter));

    return connection->reader;
}

/* The call is answered: on with the connection. */
static void finish_call(struct en_reader *reader, enum en_want want)
{
    if (reader->submitting) {
        /* The frame that submits goes on: no recursion, however many requests are pipelined. */
        reader->answered = true;
        reader->want = want;
    } else {
        go_on(reader, want);
    }
}

static void on_answer(struct en_waiter *waiter, const struct en_reply *reply)
{
    struct en_reader *reader = reader_of(waiter);

    reader->in_call = false;
    finish_call(reader, answer(reader, reply));
}

/* A client that is gone without a word is found out even if nothing is sent. */
static void keep_alive(int fd)
{
    int on = 1, idle_s = 60, between_s = 15, tries = 4;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof(between_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
}

static int on_stream(struct en_waiter *waiter, const struct en_reply *head, en_gone_fn gone,
                     void *context, struct en_streamed **out)
{
    struct en_reader *reader = reader_of(waiter);
    struct en_streamed *streamed = calloc(1, sizeof(*streamed));
    int rc = streamed == NULL
                 ? ENOKI_ENOMEM
                 : en_connection_stream_begin(reader->connection->http, head, en_clock_ms());

    if (rc != 0) {
        free(streamed);
        return rc;
    }
    streamed->reader = reader;
    streamed->gone = gone;
    streamed->context = context;
    reader->streamed = streamed;
    keep_alive(en_connection_fd(reader->connection->http));
    wait_streaming(reader, en_connection_flush(reader->connection->http));
    *out = streamed;
    return 0;
}

int en_invocation_stream(struct enoki_invocation *inv, const struct en_reply *head, en_gone_fn gone,
                         void *context, struct en_streamed **out)
{
    int rc = inv->waiter == NULL || inv->waiter->stream == NULL
                 ? ENOKI_EINVAL
                 : inv->waiter->stream(inv->waiter, head, gone, context, out);

    if (rc == 0)
        en_server_release(inv->server, inv);
    return rc;
}

void en_streamed_write(struct en_streamed *streamed, const void *data, size_t len)
{
    struct en_reader *reader = streamed->reader;

    wait_streaming(reader, en_connection_stream_write(reader->connection->http, data, len,
                                                      en_clock_ms()));
}

size_t en_streamed_unsent(const struct en_streamed *streamed)
{
    return en_connection_unsent(streamed->reader->connection->http);
}

void en_streamed_end(struct en_streamed *streamed)
{
    struct en_reader *reader = streamed->reader;

    reader->streamed = NULL;
    reader->in_call = false;
    free(streamed);
    finish_call(reader, en_connection_stream_end(reader->connection->http, en_clock_ms()));
}

void en_reader_start(struct enoki_server *server, struct enoki_connection *connection)
{
    struct en_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL || en_watch_new(&reader->watch, server->loop,
                                       en_connection_fd(connection->http), on_ready, reader) != 0) {
        free(reader);
        en_server_remove_connection(server, connection);
        en_client_free(connection);
        return;
    }
    reader->server = server;
    reader->connection = connection;
    connection->reader = reader;
    connection->waiter.answer = on_answer;
    connection->waiter.stream = on_stream;
    go_on(reader, en_connection_advance(connection->http, en_clock_ms()));
}
