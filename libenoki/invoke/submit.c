#include "invoke/server_state.h"

#include "base/clock.h"
#include "invoke/reader.h"

#include <stdlib.h>

struct en_posted_reply {
    struct en_posted_reply *next;
    struct enoki_invocation *invocation;
    struct en_reply reply;
};

void en_server_give_connection(struct enoki_server *server, struct enoki_connection *connection)
{
    if (server->dispatcher->take_connection != NULL &&
        server->dispatcher->take_connection(server->self, connection) == 0)
        return;
    en_reader_start(server, connection);
}

void enoki_server_return_connection(struct enoki_server *server,
                                    struct enoki_connection *connection)
{
    en_reader_start(server, connection);
}

static int submit(struct enoki_server *server, const struct en_request *request,
                  struct en_text subpath, uint64_t most)
{
    struct enoki_invocation *inv;
    int rc = 0;

    if (atomic_fetch_add(&server->outstanding, 1) >= most)
        rc = ENOKI_ELIMIT;
    if (rc == 0)
        rc = en_invocation_copy(&inv, server, request, subpath, en_clock_ms());
    if (rc != 0) {
        (void)atomic_fetch_sub(&server->outstanding, 1);
        return rc;
    }
    server->dispatcher->submit(server->self, inv);
    return 0;
}

int en_server_submit_async(struct enoki_server *server, const struct en_request *request,
                           struct en_text subpath)
{
    return submit(server, request, subpath, server->capacity);
}

int en_server_submit_accepted(struct enoki_server *server, const struct en_request *request,
                              struct en_text subpath)
{
    return submit(server, request, subpath, UINT64_MAX);
}

static void finish_here(struct enoki_server *server, struct enoki_invocation *inv,
                        const struct en_reply *reply)
{
    struct enoki_connection *connection = inv->connection;

    free(inv);
    (void)atomic_fetch_sub(&server->outstanding, 1);
    if (connection != NULL)
        en_reader_answer(connection, reply);
    en_server_check(server);
}

static int post(struct enoki_server *server, struct enoki_invocation *inv,
                const struct en_reply *reply)
{
    struct en_posted_reply *posted = calloc(1, sizeof(*posted));
    const struct en_answer_record answer = en_reply_record(reply);

    if (posted == NULL)
        return ENOKI_ENOMEM;
    posted->invocation = inv;
    en_reply_init_from(&posted->reply, &answer);

    (void)pthread_mutex_lock(&server->mutex);
    posted->next = server->posted;
    server->posted = posted;
    (void)pthread_mutex_unlock(&server->mutex);
    en_wake_send(server->wake);
    return 0;
}

void en_server_finish(struct enoki_server *server, struct enoki_invocation *inv,
                      const struct en_reply *reply)
{
    if (inv->connection == NULL || pthread_equal(pthread_self(), server->loop_thread)) {
        finish_here(server, inv, reply);
        return;
    }
    if (post(server, inv, reply) == 0)
        return;
    /* The caller gets no answer, but is not left waiting for ever: its call times out. */
    en_log(server->log, ENOKI_LOG_ERROR, "no memory for the reply of call %llu",
           (unsigned long long)inv->id);
}

void en_server_deliver_posted(struct enoki_server *server)
{
    struct en_posted_reply *posted;

    (void)pthread_mutex_lock(&server->mutex);
    posted = server->posted;
    server->posted = NULL;
    (void)pthread_mutex_unlock(&server->mutex);

    while (posted != NULL) {
        struct en_posted_reply *next = posted->next;

        finish_here(server, posted->invocation, &posted->reply);
        en_reply_fini(&posted->reply);
        free(posted);
        posted = next;
    }
}
