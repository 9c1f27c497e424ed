#include "arrivals.h"

#include "calls.h"

#include "invoke/listener.h"
#include "invoke/secure.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One call between the listener's thread and its answer. */
struct arrival {
    struct en_waiter waiter; /* first */
    struct arrival *next;             /* in the queue, or of those that run */
    struct arrival *previous;         /* of those that run */
    struct arrivals *arrivals;
    struct en_listener_call *call; /* NULL: nobody waits any more */
    uint64_t id;
    bool is_async, is_check;
    bool is_gone; /* no call: who waited for that id is gone */
    uint64_t timeout_ms;
    struct en_buffer bytes; /* function, method, subpath, query, body; then the headers */
    size_t lens[5];
    size_t header_count;
    size_t header_lens[EN_HEADERS_MAX][2];
};

struct arrivals {
    struct arrivals *next; /* of another protocol */
    struct node *node;
    const struct en_site *site;
    const struct en_listener_ops *ops;
    struct en_listener *listener;
    char url[160];
    struct en_wake *wake;
    pthread_mutex_t mutex;
    struct arrival *first, **last; /* protected by mutex */
    struct arrival *running;       /* that wait for an answer of the node */
};

/* Without having run; a 503 is for want of room. */
static void refuse(struct arrivals *arrivals, struct en_listener_call *call, int status,
                   const char *text)
{
    const struct en_listener_answer made = {
        .status = status,
        .content_type = {"text/plain", strlen("text/plain")},
        .body = {text, strlen(text)},
        .was_refused = true,
        .is_overload = status == 503,
    };

    arrivals->ops->answer(call, &made);
}

/* That says no more than a status. */
static void answer_status(struct arrivals *arrivals, struct en_listener_call *call, int status)
{
    const struct en_listener_answer made = {
        .status = status, .content_type = {"", 0}, .body = {"", 0}};

    arrivals->ops->answer(call, &made);
}

static void free_arrival(struct arrival *arrival)
{
    en_buffer_fini(&arrival->bytes);
    free(arrival);
}

/* --- the listener's thread ----------------------------------------------------------------------
 */

static int copy(struct arrival *arrival, const struct en_listener_request *request)
{
    const struct en_text *const texts[] = {&request->function, &request->method, &request->subpath,
                                           &request->query, &request->body};
    int rc = en_buffer_reserve(&arrival->bytes, 1);

    for (size_t i = 0; i < 5 && rc == 0; i++) {
        arrival->lens[i] = texts[i]->len;
        rc = en_buffer_append(&arrival->bytes, texts[i]->data, texts[i]->len);
    }
    for (size_t i = 0; i < request->header_count && rc == 0; i++) {
        const struct en_header *header = &request->headers[i];

        arrival->header_lens[i][0] = header->name.len;
        arrival->header_lens[i][1] = header->value.len;
        rc = en_buffer_append(&arrival->bytes, header->name.data, header->name.len);
        if (rc == 0)
            rc = en_buffer_append(&arrival->bytes, header->value.data, header->value.len);
    }
    arrival->header_count = request->header_count;
    arrival->id = request->id;
    arrival->is_async = request->is_async;
    arrival->is_check = request->is_check;
    arrival->timeout_ms = request->timeout_ms;
    return rc;
}

static void queue(struct arrivals *arrivals, struct arrival *arrival)
{
    bool is_first;

    arrival->arrivals = arrivals;
    (void)pthread_mutex_lock(&arrivals->mutex);
    is_first = arrivals->first == NULL;
    *arrivals->last = arrival;
    arrivals->last = &arrival->next;
    (void)pthread_mutex_unlock(&arrivals->mutex);
    if (is_first) /* else the loop is on its way */
        en_wake_send(arrivals->wake);
}

static void on_call(void *context, struct en_listener_call *call,
                    const struct en_listener_request *request)
{
    struct arrivals *arrivals = context;
    struct arrival *arrival = calloc(1, sizeof(*arrival));

    if (arrival != NULL)
        arrival->bytes.max = SIZE_MAX / 4; /* the listener has its own bounds */
    if (arrival == NULL || copy(arrival, request) != 0) {
        if (arrival != NULL)
            free_arrival(arrival);
        refuse(arrivals, call, 503, "no memory for this call: try again later");
        return;
    }
    arrival->call = call;
    queue(arrivals, arrival);
}

static void on_gone(void *context, uint64_t id)
{
    struct arrival *arrival = calloc(1, sizeof(*arrival));

    if (arrival == NULL)
        return; /* then its answer is the first that it hears of */
    arrival->id = id;
    arrival->is_gone = true;
    queue(context, arrival);
}

/* --- the loop's ---------------------------------------------------------------------------------
 */

static void link_running(struct arrivals *arrivals, struct arrival *arrival)
{
    arrival->previous = NULL;
    arrival->next = arrivals->running;
    if (arrival->next != NULL)
        arrival->next->previous = arrival;
    arrivals->running = arrival;
}

static void unlink_running(struct arrivals *arrivals, struct arrival *arrival)
{
    if (arrival->previous != NULL)
        arrival->previous->next = arrival->next;
    else
        arrivals->running = arrival->next;
    if (arrival->next != NULL)
        arrival->next->previous = arrival->previous;
}

static bool header_is(const struct en_header *header, const char *name)
{
    return header->name.len == strlen(name) &&
           strncasecmp(header->name.data, name, header->name.len) == 0;
}

static void on_answer(struct en_waiter *waiter, const struct en_reply *reply)
{
    struct arrival *arrival = (struct arrival *)(void *)waiter;
    struct en_header headers[EN_REPLY_HEADERS_MAX];
    size_t count = en_reply_split_headers(reply, headers);
    struct en_listener_answer made = {
        .status = reply->status,
        .content_type = {"", 0},
        .body = {reply->body.data == NULL ? "" : reply->body.data, reply->body.len},
    };

    for (size_t i = 0; i < count; i++) {
        if (header_is(&headers[i], "Content-Type"))
            made.content_type = headers[i].value;
        else if (header_is(&headers[i], "Retry-After"))
            made.is_overload = true;
    }
    unlink_running(arrival->arrivals, arrival);
    if (arrival->call != NULL)
        arrival->arrivals->ops->answer(arrival->call, &made);
    free_arrival(arrival);
}

/* A call that has begun goes on: it may have changed something. Nothing is kept for who waited. */
static void leave(struct arrivals *arrivals, uint64_t id)
{
    struct function *function;

    for (struct arrival *arrival = arrivals->running; arrival != NULL; arrival = arrival->next) {
        if (arrival->id != id || arrival->call == NULL)
            continue;
        answer_status(arrivals, arrival->call, 499);
        arrival->call = NULL;
        function = node_find(arrivals->node, arrival->bytes.data, arrival->lens[0]);
        if (function != NULL)
            calls_abandon(function, &arrival->waiter);
        return;
    }
}

/* The texts where they were copied to. */
static void make_request(const struct arrival *arrival, struct en_request *request,
                         struct en_text *subpath, struct en_header *headers)
{
    const char *at = arrival->bytes.data + arrival->lens[0];

    request->method = (struct en_text){at, arrival->lens[1]};
    at += arrival->lens[1];
    *subpath = (struct en_text){at, arrival->lens[2]};
    request->path = *subpath;
    at += arrival->lens[2];
    request->query = (struct en_text){at, arrival->lens[3]};
    at += arrival->lens[3];
    request->body = (struct en_text){at, arrival->lens[4]};
    at += arrival->lens[4];
    for (size_t i = 0; i < arrival->header_count; i++) {
        headers[i].name = (struct en_text){at, arrival->header_lens[i][0]};
        at += arrival->header_lens[i][0];
        headers[i].value = (struct en_text){at, arrival->header_lens[i][1]};
        at += arrival->header_lens[i][1];
    }
    request->headers = headers;
    request->header_count = arrival->header_count;
}

static void submit(struct arrivals *arrivals, struct arrival *arrival, struct function *function)
{
    struct en_header headers[EN_HEADERS_MAX];
    const struct settings *settings = function_settings(function);
    struct en_target target = {.function = function->name,
                               .protocol = arrivals->ops->scheme(arrivals->listener),
                               .timeout_ms = settings->function.limits.call_timeout_ms,
                               .wants_ack = arrival->is_async,
                               .data = function};
    struct en_request request;
    int rc;

    if (!arrival->is_async && arrival->timeout_ms != 0 &&
        arrival->timeout_ms < target.timeout_ms)
        target.timeout_ms = arrival->timeout_ms;
    make_request(arrival, &request, &target.subpath, headers);
    arrival->waiter.answer = on_answer;
    link_running(arrivals, arrival); /* it may be answered at once */
    rc = en_server_submit(node_server(arrivals->node), arrivals->site,
                          &arrival->waiter, &request, &target);
    if (rc == 0)
        return;
    unlink_running(arrivals, arrival);
    refuse(arrivals, arrival->call, 503, "no memory for this call: try again later");
    free_arrival(arrival);
}

static bool takes_calls(const struct function *function)
{
    enum function_state state = function_state(function);

    return state == FUNCTION_READY || state == FUNCTION_ASLEEP;
}

static void take(struct arrivals *arrivals, struct arrival *arrival)
{
    struct function *function = arrival->is_gone ? NULL
                                                 : node_find(arrivals->node, arrival->bytes.data,
                                                             arrival->lens[0]);

    if (function != NULL && !arrival->is_check) {
        submit(arrivals, arrival, function);
        return;
    }
    if (arrival->is_gone)
        leave(arrivals, arrival->id);
    else if (function == NULL)
        refuse(arrivals, arrival->call, 404,
               node_settings(arrivals->node)->compat_tinyfaas != 0 ? "" : "no such function");
    else
        answer_status(arrivals, arrival->call, takes_calls(function) ? 200 : 503);
    free_arrival(arrival);
}

static void on_wake(void *context)
{
    struct arrivals *arrivals = context;
    struct arrival *arrival;

    (void)pthread_mutex_lock(&arrivals->mutex);
    arrival = arrivals->first;
    arrivals->first = NULL;
    arrivals->last = &arrivals->first;
    (void)pthread_mutex_unlock(&arrivals->mutex);
    while (arrival != NULL) {
        struct arrival *next = arrival->next;

        take(arrivals, arrival);
        arrival = next;
    }
}

/* --- all of them --------------------------------------------------------------------------------
 */

static int start_one(struct arrivals **out, struct node *node, const struct en_site *site,
                     const char *name, const struct en_listener_options *options,
                     struct enoki_error *err)
{
    struct arrivals *arrivals = calloc(1, sizeof(*arrivals));
    struct en_listener_options own = *options;
    const struct en_module *module = NULL;
    int rc = arrivals == NULL ? enoki_error_set(err, ENOKI_ENOMEM, "no memory for a listener")
                              : en_module_load(&module, name, err);

    if (rc != 0) {
        free(arrivals);
        return rc;
    }
    arrivals->node = node;
    arrivals->site = site;
    arrivals->ops = (const struct en_listener_ops *)(const void *)module;
    arrivals->last = &arrivals->first;
    (void)pthread_mutex_init(&arrivals->mutex, NULL);
    own.call = on_call;
    own.gone = on_gone;
    own.context = arrivals;
    rc = en_wake_new(&arrivals->wake, node_loop(node), on_wake, arrivals);
    if (rc == 0)
        rc = arrivals->ops->start(&arrivals->listener, &own, err);
    if (rc != 0) {
        arrivals_stop(arrivals);
        return rc;
    }
    (void)snprintf(arrivals->url, sizeof(arrivals->url), "%s://%s",
                   arrivals->ops->scheme(arrivals->listener),
                   arrivals->ops->address(arrivals->listener));
    *out = arrivals;
    return 0;
}

/* gRPC says of bad files only that the port is not to be had. */
static int check_files(const struct node *node, const struct enoki_node_settings *settings,
                       struct enoki_error *err)
{
    const struct en_tls_server_files files = {settings->tls_certificate, settings->tls_key,
                                              settings->tls_ca};
    struct en_secure *secure = NULL;
    int rc = en_secure_new(&secure, &files, node_log(node), err);

    if (rc == 0)
        en_secure_free(secure);
    return rc;
}

int arrivals_start(struct arrivals **out, struct node *node, const struct en_site *site,
                   struct enoki_error *err)
{
    const struct enoki_node_settings *settings = node_settings(node);
    const struct enoki_limits *limits = &settings->limits;
    struct en_listener_options options = {
        .max_header_bytes = (size_t)limits->max_header_bytes,
        .max_body_bytes = (size_t)limits->max_body_bytes,
        .max_reply_bytes = (size_t)limits->max_reply_bytes,
        .max_calls = (uint32_t)limits->max_connections,
    };
    struct arrivals **last = out;
    int rc = 0;

    options.address = settings->listen_coap;
    options.psk = settings->coap_psk;
    if (options.address != NULL)
        rc = start_one(last, node, site, "coap", &options, err);
    if (*last != NULL)
        last = &(*last)->next;
    options.psk = NULL;
    options.address = settings->listen_grpc;
    options.certificate = settings->tls_certificate;
    options.key = settings->tls_key;
    options.ca = settings->tls_ca;
    if (rc == 0 && options.address != NULL && options.certificate != NULL)
        rc = check_files(node, settings, err);
    if (rc == 0 && options.address != NULL)
        rc = start_one(last, node, site, "grpc", &options, err);
    if (rc != 0) {
        arrivals_stop(*out);
        *out = NULL;
    }
    return rc;
}

const char *arrivals_url(const struct arrivals *arrivals, size_t index)
{
    for (; arrivals != NULL && index > 0; index--)
        arrivals = arrivals->next;
    return arrivals == NULL ? NULL : arrivals->url;
}

void arrivals_drain(struct arrivals *arrivals)
{
    for (; arrivals != NULL; arrivals = arrivals->next) {
        if (arrivals->listener != NULL)
            arrivals->ops->drain(arrivals->listener);
    }
}

static void free_list(struct arrival *arrival)
{
    while (arrival != NULL) {
        struct arrival *next = arrival->next;

        free_arrival(arrival);
        arrival = next;
    }
}

void arrivals_stop(struct arrivals *arrivals)
{
    while (arrivals != NULL) {
        struct arrivals *next = arrivals->next;

        if (arrivals->listener != NULL)
            arrivals->ops->stop(arrivals->listener);
        free_list(arrivals->first);
        free_list(arrivals->running);
        en_wake_free(arrivals->wake);
        (void)pthread_mutex_destroy(&arrivals->mutex);
        free(arrivals);
        arrivals = next;
    }
}
