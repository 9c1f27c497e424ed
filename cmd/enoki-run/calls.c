#include "calls.h"

#include "compat.h"
#include "instance.h"
#include "keeper.h"
#include "node.h"
#include "scaling.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct enoki_function_settings *own(const struct function *function)
{
    return &function_settings(function)->function;
}

/* --- the end of a call --------------------------------------------------------------------------
 */

static void give_back(struct function *function, const struct enoki_invocation *inv)
{
    admission_give(node_admission(function->node), &function->held, inv->waiter != NULL,
                   inv->request.body.len);
    if (inv->waiter == NULL)
        function->async--;
}

/* Gives back what the call held; consumes it. */
static void finish(struct function *function, struct enoki_invocation *inv,
                   struct en_reply *reply)
{
    if (own(function)->compat_tinyfaas != 0)
        compat_apply(reply);
    give_back(function, inv);
    if (inv->stored != 0)
        keeper_forget(node_keeper(function->node), inv->stored, inv->request.body.len);
    en_invocation_finish(inv, reply);
}

static void fail(struct function *function, struct enoki_invocation *inv, int status,
                 const char *text)
{
    struct en_reply reply;

    function->errors++;
    en_reply_init(&reply, ENOKI_ERROR_MESSAGE_BYTES);
    en_reply_text(&reply, status, text);
    reply.is_ours = true;
    finish(function, inv, &reply);
    en_reply_fini(&reply);
}

/* Of a call that holds nothing yet. */
static void answer_route(const struct function *function, struct enoki_invocation *inv,
                         enum en_route route, int refused)
{
    struct en_reply reply;

    en_reply_init(&reply, ENOKI_ERROR_MESSAGE_BYTES);
    en_client_answer(route, refused, &reply);
    if (refused != 0 && own(function)->compat_tinyfaas != 0)
        compat_apply(&reply);
    en_invocation_finish(inv, &reply);
    en_reply_fini(&reply);
}

static void give_up(struct function *function, const struct enoki_invocation *inv, const char *why)
{
    if (inv->waiter == NULL)
        en_log(node_log(function->node), ENOKI_LOG_ERROR,
               "function '%s': an asynchronous call is given up: %.*s", function->name,
               (int)strcspn(why, "\n"), why);
}

void calls_fail(struct function *function, bool all, int status, const char *text)
{
    struct en_invocation_queue waiting = function->queue;
    struct enoki_invocation *inv;

    function->queue = (struct en_invocation_queue){NULL, NULL, 0};
    while ((inv = en_invocation_queue_pop(&waiting)) != NULL) {
        if (inv->waiter == NULL && !all) {
            en_invocation_queue_push(&function->queue, inv);
            continue;
        }
        give_up(function, inv, text);
        fail(function, inv, status, text);
    }
}

/* It has not run: it is on disk. */
static void leave(struct function *function, struct enoki_invocation *inv)
{
    give_back(function, inv);
    en_server_release(inv->server, inv);
}

void calls_leave(struct function *function)
{
    struct en_invocation_queue waiting = function->queue;
    struct enoki_invocation *inv;

    function->queue = (struct en_invocation_queue){NULL, NULL, 0};
    while ((inv = en_invocation_queue_pop(&waiting)) != NULL) {
        if (inv->stored != 0)
            leave(function, inv);
        else
            en_invocation_queue_push(&function->queue, inv);
    }
}

void calls_abandon(struct function *function, const struct en_waiter *waiter)
{
    struct en_invocation_queue waiting = function->queue;
    struct enoki_invocation *inv, *left = NULL;

    function->queue = (struct en_invocation_queue){NULL, NULL, 0};
    while ((inv = en_invocation_queue_pop(&waiting)) != NULL) {
        if (inv->waiter == waiter)
            left = inv;
        else
            en_invocation_queue_push(&function->queue, inv);
    }
    if (left != NULL)
        fail(function, left, 499, "the caller is gone\n");
}

void calls_fail_start(struct function *function)
{
    char text[ENOKI_ERROR_MESSAGE_BYTES];

    (void)snprintf(text, sizeof(text), "the function cannot be started: %.400s\n",
                   function->failure);
    calls_fail(function, false, 503, text);
}

uint64_t calls_expire(struct function *function, uint64_t now_ms)
{
    struct en_invocation_queue waiting = function->queue;
    struct enoki_invocation *inv;
    uint64_t next = UINT64_MAX;

    function->queue = (struct en_invocation_queue){NULL, NULL, 0};
    while ((inv = en_invocation_queue_pop(&waiting)) != NULL) {
        if (inv->deadline_ms <= now_ms) {
            fail(function, inv, 504, "the call waited too long for a runtime of the function\n");
            continue;
        }
        if (inv->deadline_ms < next)
            next = inv->deadline_ms;
        en_invocation_queue_push(&function->queue, inv);
    }
    return next;
}

/* --- sending ------------------------------------------------------------------------------------
 */

/* The one for this call; NULL: all have enough. One that nobody waits for goes where it can begin
 * at once: its time counts from there. */
static struct instance *least_loaded(const struct function *function,
                                     const struct enoki_invocation *inv)
{
    uint32_t room = inv->waiter == NULL ? own(function)->workers_max : function->room;
    struct instance *best = NULL;

    for (struct instance *i = function->instances; i != NULL; i = i->next) {
        if (i->phase == INSTANCE_READY && i->stream != NULL &&
            i->generation == function->generation && i->running < room &&
            (best == NULL || i->running < best->running))
            best = i;
    }
    return best;
}

/* False: there is no memory to send it. */
static bool send_to(struct function *function, struct instance *instance,
                    struct enoki_invocation *inv)
{
    if (inv->waiter == NULL)
        inv->deadline_ms = en_clock_ms() + function->settings->function.limits.call_timeout_ms;
    if (instance_call(instance, inv) != 0)
        return false;
    inv->attempts++;
    if (inv->stored != 0)
        keeper_tries(node_keeper(function->node), inv->stored, inv->attempts);
    function->running++;
    node_schedule(function->node, inv->deadline_ms);
    return true;
}

static void put_back(struct en_invocation_queue *queue, struct enoki_invocation *inv)
{
    inv->next = queue->first;
    queue->first = inv;
    if (queue->last == NULL)
        queue->last = inv;
    queue->count++;
}

static bool may_run(const struct function *function)
{
    uint32_t most = own(function)->concurrency;

    return most == 0 || function->running < most;
}

void calls_pump(struct function *function)
{
    struct instance *instance;

    /* A call may end between the signal to stop and the node's next look. */
    if (enoki_server_is_draining(node_server(function->node)))
        calls_leave(function);
    while (function->queue.count > 0 && may_run(function) &&
           (instance = least_loaded(function, function->queue.first)) != NULL) {
        struct enoki_invocation *inv = en_invocation_queue_pop(&function->queue);

        if (send_to(function, instance, inv))
            continue;
        put_back(&function->queue, inv);
        break;
    }
    scaling_press(function, function->queue.count > 0 && may_run(function));
}

/* --- arriving -----------------------------------------------------------------------------------
 */

static bool is_full(const struct function *function)
{
    const struct enoki_function_settings *settings = own(function);
    uint64_t run = (uint64_t)settings->workers_max * settings->instances_max;

    if (settings->concurrency != 0 && settings->concurrency < run)
        run = settings->concurrency;
    return function->running + function->queue.count + function->accepting >=
           settings->limits.max_queue + run;
}

static void queue_up(struct function *function, struct enoki_invocation *inv)
{
    en_invocation_queue_push(&function->queue, inv);
    node_schedule(function->node, inv->deadline_ms);
    calls_pump(function);
}

void calls_acknowledge(struct function *function, struct enoki_invocation *inv, int rc)
{
    function->accepting--;
    if (rc != 0)
        function->refused++;
    admission_give(node_admission(function->node), &function->held, true, inv->request.body.len);
    if (rc == 0 || rc == ENOKI_ELIMIT || rc == ENOKI_ENOMEM)
        answer_route(function, inv, EN_ROUTE_ASYNC, rc);
    else
        en_invocation_fail(inv, 503, "the call cannot be kept until it runs: try again later\n");
    function_check(function);
}

/* Who asked waits for the acknowledgement only: the call itself is a copy that nobody waits for. */
static void accept_call(struct function *function, struct enoki_invocation *inv)
{
    const struct en_target target = {
        .subpath = inv->subpath, .function = function->name, .protocol = inv->protocol,
        .data = function};
    struct node *node = function->node;

    function->accepting++;
    if (own(function)->async_durable == 0)
        calls_acknowledge(function, inv,
                          en_server_submit(node_server(node), node_site(node), NULL, &inv->request,
                                           &target));
    else if (node_open_keeper(node) == 0)
        keeper_accept(node_keeper(node), function, inv);
    else
        calls_acknowledge(function, inv, ENOKI_EIO);
}

/* Its own limit may be lower than that of whoever received it. */
static void refuse_body(const struct function *function, struct enoki_invocation *inv)
{
    struct en_reply reply;

    en_reply_init(&reply, ENOKI_ERROR_MESSAGE_BYTES);
    en_reply_text(&reply, 413, "the body is longer than the function takes (limits.body)\n");
    reply.is_ours = true;
    if (own(function)->compat_tinyfaas != 0)
        compat_apply(&reply);
    en_invocation_finish(inv, &reply);
    en_reply_fini(&reply);
}

void calls_submit(struct function *function, struct enoki_invocation *inv)
{
    size_t bytes = inv->request.body.len;
    struct admission *admission = node_admission(function->node);

    if (bytes > own(function)->limits.max_body_bytes && inv->waiter != NULL) {
        refuse_body(function, inv);
        return;
    }
    if (inv->waiter == NULL) {
        admission_add(admission, &function->held, false, bytes);
        function->async++;
        inv->deadline_ms = UINT64_MAX;
    } else if (is_full(function) || !admission_take(admission, &function->held, true, bytes)) {
        function->refused++;
        answer_route(function, inv, EN_ROUTE_CALL, ENOKI_ELIMIT);
        return;
    }
    if (inv->wants_ack) {
        accept_call(function, inv);
        return;
    }
    queue_up(function, inv);
    if (function->queue.count > 0 && function_state(function) == FUNCTION_FAILED)
        calls_fail_start(function);
}

/* --- what instances say -------------------------------------------------------------------------
 */

void calls_on_answer(struct function *function, struct enoki_invocation *inv,
                     struct en_reply *reply)
{
    uint64_t now_us = en_clock_ns() / 1000;

    function->running--;
    function->calls++;
    if (reply->status >= 500)
        function->errors++;
    histogram_add(&function->latency, now_us - inv->arrived_us, now_us);
    finish(function, inv, reply);
    calls_pump(function);
    function_check(function);
}

void calls_on_lost(struct function *function, struct enoki_invocation *inv)
{
    function->running--;
    if (inv->waiter == NULL && inv->attempts < CALLS_ATTEMPTS_MAX && !function->retiring &&
        !node_is_stopping(function->node)) {
        inv->deadline_ms = UINT64_MAX;
        put_back(&function->queue, inv);
        return; /* sent once another instance has room */
    }
    if (inv->stored != 0 && node_is_stopping(function->node)) {
        leave(function, inv);
        return;
    }
    function->calls++;
    give_up(function, inv, "its runtime ended each time");
    fail(function, inv, 502, "the function's runtime ended during this call\n");
}
