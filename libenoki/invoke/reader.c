#include "invoke/reader.h"

#include "base/clock.h"
#include "invoke/connection.h"
#include "invoke/route.h"
#include "invoke/server_state.h"

#include <stdlib.h>

struct en_reader {
    struct enoki_server *server;
    struct enoki_connection *connection;
    struct en_watch *watch;
    bool in_call;
    bool submitting; /* inside the dispatcher's submit */
    bool answered;   /* ... which answered at once, with this: */
    enum en_want want;
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

static void on_ready(void *context, bool readable, bool writable)
{
    struct en_reader *reader = context;
    uint64_t now = en_clock_ms();
    struct en_connection *http = reader->connection->http;

    (void)readable;
    (void)writable;
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

static enum en_want answer(struct en_reader *reader, const struct en_reply *reply)
{
    if (atomic_load(&reader->server->draining))
        en_connection_close_after(reader->connection->http);
    return en_connection_reply(reader->connection->http, reply, en_clock_ms());
}

/* As en_client_answer(). */
static enum en_want answer_self(struct en_reader *reader, enum en_route route, int refused)
{
    struct en_reply reply;
    enum en_want want;

    en_reply_init(&reply, ENOKI_ERROR_MESSAGE_BYTES);
    en_client_answer(route, refused, &reply);
    want = answer(reader, &reply);
    en_reply_fini(&reply);
    return want;
}

/* Hands the call to the dispatcher. False: it is answered already, go on with *want. */
static bool submit(struct en_reader *reader, struct en_text subpath, enum en_want *want)
{
    struct enoki_server *server = reader->server;
    struct enoki_invocation *inv;
    int rc = 0;

    if (atomic_load(&server->outstanding) >= server->capacity)
        rc = ENOKI_ELIMIT;
    if (rc == 0)
        rc = en_invocation_new(&inv, server, reader->connection,
                               en_connection_request(reader->connection->http), subpath,
                               en_clock_ms());
    if (rc != 0) {
        *want = answer_self(reader, EN_ROUTE_CALL, rc);
        return false;
    }
    atomic_fetch_add(&server->outstanding, 1);
    atomic_store(&reader->connection->deadline_ms, UINT64_MAX);
    atomic_store(&reader->connection->is_idle, false);
    reader->in_call = true;
    reader->submitting = true;
    reader->answered = false;
    server->dispatcher->submit(server->self, inv);
    reader->submitting = false;
    *want = reader->want;
    return !reader->answered;
}

/* Answers or submits the request that is here. False: the call is under way. */
static bool handle(struct en_reader *reader, enum en_want *want)
{
    const struct en_request *request = en_connection_request(reader->connection->http);
    struct en_text subpath;
    enum en_route route = en_route_find(
        request, enoki_runtime_function(reader->server->options.runtime)->name, &subpath);
    int rc;

    switch (route) {
    case EN_ROUTE_CALL:
        return !submit(reader, subpath, want);
    case EN_ROUTE_ASYNC:
        rc = en_server_submit_async(reader->server, request, subpath);
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

    if (server->dispatcher->take_connection == NULL || !en_connection_is_idle(connection->http) ||
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
    go_on(reader, en_connection_advance(connection->http, en_clock_ms()));
}

void en_reader_answer(struct enoki_connection *connection, const struct en_reply *reply)
{
    struct en_reader *reader = connection->reader;
    enum en_want want;

    reader->in_call = false;
    want = answer(reader, reply);
    if (reader->submitting) {
        /* The frame that submits goes on: no recursion, however many requests are pipelined. */
        reader->answered = true;
        reader->want = want;
    } else {
        go_on(reader, want);
    }
}
