#include "invoke/invocation.h"

#include "base/checked.h"
#include "base/clock.h"
#include "invoke/server.h"

#include <stdlib.h>
#include <string.h>

static void fill(struct enoki_invocation *inv, struct enoki_server *server,
                 struct en_waiter *waiter, const struct en_target *target, uint64_t now_ms)
{
    inv->id = en_server_next_id(server);
    inv->deadline_ms = now_ms + target->timeout_ms;
    inv->arrived_us = en_clock_ns() / 1000;
    inv->function = target->function;
    inv->protocol = target->protocol;
    inv->server = server;
    inv->waiter = waiter;
    inv->lent = -1;
    inv->data = target->data;
    inv->wants_ack = target->wants_ack;
    inv->stored = target->stored;
    inv->attempts = target->attempts;
}

int en_invocation_new(struct enoki_invocation **out, struct enoki_server *server,
                      struct en_waiter *waiter, const struct en_request *request,
                      const struct en_target *target, uint64_t now_ms)
{
    struct enoki_invocation *inv = calloc(1, sizeof(*inv));

    if (inv == NULL)
        return ENOKI_ENOMEM;
    fill(inv, server, waiter, target, now_ms);
    inv->request = *request;
    inv->subpath = target->subpath;
    inv->is_borrowed = true;
    *out = inv;
    return 0;
}

static bool measure(const struct en_request *request, size_t *total)
{
    size_t headers;
    bool fits = en_mul_size(request->header_count, sizeof(struct en_header), &headers) &&
                en_add_size(sizeof(struct enoki_invocation), headers, total) &&
                en_text_measure(total, request->method) && en_text_measure(total, request->path) &&
                en_text_measure(total, request->query) && en_text_measure(total, request->body);

    for (size_t i = 0; i < request->header_count && fits; i++)
        fits = en_text_measure(total, request->headers[i].name) &&
               en_text_measure(total, request->headers[i].value);
    return fits;
}

int en_invocation_copy(struct enoki_invocation **out, struct enoki_server *server,
                       struct en_waiter *waiter, const struct en_request *request,
                       const struct en_target *target, uint64_t now_ms)
{
    struct enoki_invocation *inv;
    struct en_header *headers;
    size_t total;
    char *at;

    if (!measure(request, &total))
        return ENOKI_ENOMEM;
    inv = malloc(total);
    if (inv == NULL)
        return ENOKI_ENOMEM;
    memset(inv, 0, sizeof(*inv));
    fill(inv, server, waiter, target, now_ms);

    headers = (struct en_header *)(inv + 1);
    at = (char *)(headers + request->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        headers[i].name = en_text_copy(&at, request->headers[i].name);
        headers[i].value = en_text_copy(&at, request->headers[i].value);
    }
    inv->request.method = en_text_copy(&at, request->method);
    inv->request.path = en_text_copy(&at, request->path);
    inv->request.query = en_text_copy(&at, request->query);
    inv->request.body = en_text_copy(&at, request->body);
    inv->request.headers = headers;
    inv->request.header_count = request->header_count;
    inv->subpath = en_request_subpath(&inv->request, target->subpath.len);
    *out = inv;
    return 0;
}

void en_invocation_finish(struct enoki_invocation *inv, const struct en_reply *reply)
{
    en_server_finish(inv->server, inv, reply);
}

void en_invocation_fail(struct enoki_invocation *inv, int status, const char *text)
{
    struct en_reply reply;

    en_reply_init(&reply, ENOKI_ERROR_MESSAGE_BYTES);
    en_reply_text(&reply, status, text);
    reply.is_ours = true;
    en_invocation_finish(inv, &reply);
    en_reply_fini(&reply);
}

void en_invocation_queue_push(struct en_invocation_queue *queue, struct enoki_invocation *inv)
{
    inv->next = NULL;
    if (queue->last == NULL)
        queue->first = inv;
    else
        queue->last->next = inv;
    queue->last = inv;
    queue->count++;
}

void en_invocation_queue_push_front(struct en_invocation_queue *queue,
                                    struct enoki_invocation *inv)
{
    inv->next = queue->first;
    queue->first = inv;
    if (queue->last == NULL)
        queue->last = inv;
    queue->count++;
}

struct enoki_invocation *en_invocation_queue_pop(struct en_invocation_queue *queue)
{
    struct enoki_invocation *inv = queue->first;

    if (inv == NULL)
        return NULL;
    queue->first = inv->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    inv->next = NULL;
    return inv;
}

uint64_t enoki_invocation_id(const struct enoki_invocation *inv)
{
    return inv->id;
}

const char *enoki_invocation_function(const struct enoki_invocation *inv)
{
    return inv->function;
}

uint64_t enoki_invocation_deadline_ms(const struct enoki_invocation *inv)
{
    return inv->deadline_ms;
}

const char *enoki_invocation_method(const struct enoki_invocation *inv)
{
    return inv->request.method.data;
}

const char *enoki_invocation_path(const struct enoki_invocation *inv)
{
    return inv->subpath.data;
}

const char *enoki_invocation_query(const struct enoki_invocation *inv)
{
    return inv->request.query.data;
}

const void *enoki_invocation_body(const struct enoki_invocation *inv, size_t *len_out)
{
    if (len_out != NULL)
        *len_out = inv->request.body.len;
    return inv->request.body.data;
}

const char *enoki_invocation_header(const struct enoki_invocation *inv, const char *name)
{
    const struct en_text *value = en_request_header(&inv->request, name);

    return value == NULL ? NULL : value->data;
}

int enoki_invocation_is_async(const struct enoki_invocation *inv)
{
    return inv->waiter == NULL;
}

void enoki_invocation_reply(struct enoki_invocation *inv, int status, const void *body, size_t len)
{
    struct en_reply reply;

    en_reply_init(&reply, len);
    reply.status = status;
    if (en_buffer_append(&reply.body, body, len) != 0)
        en_reply_text(&reply, 500, "out of memory for the reply");
    en_invocation_finish(inv, &reply);
    en_reply_fini(&reply);
}
