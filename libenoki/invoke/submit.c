#include "invoke/server_state.h"

#include "base/clock.h"
#include "invoke/access.h"
#include "invoke/reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct en_posted_reply {
    struct en_posted_reply *next;
    struct enoki_invocation *invocation;
    bool is_sent; /* there is no reply */
    struct en_reply reply;
};

enum en_route en_server_find_own(void *context, const struct en_request *request,
                                 struct en_target *target)
{
    const struct enoki_server *server = context;
    const struct enoki_function_settings *function =
        enoki_runtime_function(server->options.runtime);

    target->function = function->name;
    target->timeout_ms = en_request_timeout_ms(request, function->limits.call_timeout_ms);
    target->data = NULL;
    return en_route_find(request, function->name, &target->subpath);
}

void en_server_submit_own(void *context, struct enoki_invocation *inv)
{
    struct enoki_server *server = context;

    server->dispatcher->submit(server->self, inv);
}

bool en_server_offers(const struct enoki_server *server, const struct enoki_connection *connection)
{
    return server->dispatcher->take_connection != NULL && connection->site == &server->own_site &&
           !en_connection_is_secure(connection->http);
}

void en_server_give_connection(struct enoki_server *server, struct enoki_connection *connection)
{
    if (en_server_offers(server, connection) &&
        server->dispatcher->take_connection(server->self, connection) == 0)
        return;
    en_reader_start(server, connection);
}

void enoki_server_return_connection(struct enoki_server *server,
                                    struct enoki_connection *connection)
{
    en_reader_start(server, connection);
}

/* To a thread, which answers at any time: a duplicate, because the loop may close its own. Worker
 * processes get theirs with the call. */
static void lend(const struct enoki_server *server, struct enoki_invocation *inv)
{
    int fd = -1;

    if (inv->waiter != NULL && inv->waiter->lend != NULL &&
        (server->dispatcher->flags & ENOKI_DISPATCHER_SUPERVISED) != 0)
        fd = inv->waiter->lend(inv->waiter, &inv->lent_call);
    if (fd >= 0)
        inv->lent = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static int submit(struct enoki_server *server, const struct en_site *site, struct en_waiter *waiter,
                  const struct en_request *request, const struct en_target *target, uint64_t most)
{
    struct enoki_invocation *inv;
    int rc = 0;

    if (atomic_fetch_add(&server->outstanding, 1) >= most)
        rc = ENOKI_ELIMIT;
    if (rc == 0)
        rc = en_invocation_copy(&inv, server, waiter, request, target, en_clock_ms());
    if (rc != 0) {
        (void)atomic_fetch_sub(&server->outstanding, 1);
        return rc;
    }
    lend(server, inv);
    site->submit(site->context, inv);
    return 0;
}

static int submit_own(struct enoki_server *server, const struct en_request *request,
                      struct en_text subpath, uint64_t most)
{
    const struct enoki_function_settings *function =
        enoki_runtime_function(server->options.runtime);
    const struct en_target target = {.subpath = subpath,
                                     .function = function->name,
                                     .timeout_ms = function->limits.call_timeout_ms};

    return submit(server, &server->own_site, NULL, request, &target, most);
}

int en_server_submit(struct enoki_server *server, const struct en_site *site,
                     struct en_waiter *waiter, const struct en_request *request,
                     const struct en_target *target)
{
    return submit(server, site, waiter, request, target, server->options.capacity);
}

int en_server_submit_async(struct enoki_server *server, const struct en_request *request,
                           struct en_text subpath)
{
    return submit_own(server, request, subpath, server->options.capacity);
}

int en_server_submit_accepted(struct enoki_server *server, const struct en_request *request,
                              struct en_text subpath)
{
    return submit_own(server, request, subpath, UINT64_MAX);
}

static void log_access(const struct enoki_server *server, const struct enoki_invocation *inv,
                       const struct en_reply *reply)
{
    const struct en_access access = {
        .request = &inv->request,
        .function = inv->function,
        .protocol = inv->protocol,
        .fd = inv->client_fd,
        .started_us = inv->arrived_us,
        .status = reply->status,
        .reply_bytes = reply->body.len,
        .is_async = inv->waiter == NULL,
    };

    en_access_log(server->log, &access);
}

static void finish_here(struct enoki_server *server, struct enoki_invocation *inv,
                        const struct en_reply *reply)
{
    struct en_waiter *waiter = inv->waiter;

    if (server->options.log_access && reply != NULL && !(inv->wants_ack && reply->status == 202))
        log_access(server, inv, reply);
    if (inv->lent >= 0)
        (void)close(inv->lent);
    free(inv);
    (void)atomic_fetch_sub(&server->outstanding, 1);
    if (waiter != NULL)
        waiter->answer(waiter, reply);
    en_server_check(server);
}

void en_server_release(struct enoki_server *server, struct enoki_invocation *inv)
{
    free(inv);
    (void)atomic_fetch_sub(&server->outstanding, 1);
    en_server_check(server);
}

static int post(struct enoki_server *server, struct enoki_invocation *inv,
                const struct en_reply *reply)
{
    struct en_posted_reply *posted = calloc(1, sizeof(*posted));

    if (posted == NULL)
        return ENOKI_ENOMEM;
    posted->invocation = inv;
    posted->is_sent = reply == NULL;
    if (reply != NULL) {
        const struct en_answer_record answer = en_reply_record(reply);

        en_reply_init_from(&posted->reply, &answer);
    }

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
    if (inv->waiter == NULL || pthread_equal(pthread_self(), server->loop_thread)) {
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

        finish_here(server, posted->invocation, posted->is_sent ? NULL : &posted->reply);
        en_reply_fini(&posted->reply);
        free(posted);
        posted = next;
    }
}
