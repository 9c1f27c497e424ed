#include "invoke/pool.h"

#include "base/clock.h"
#include "base/heap.h"
#include "invoke/server.h"
#include "wire/call.h"

#include <signal.h>
#include <string.h>

#define WAITED_TEXT "the call waited too long for a worker\n"
/* Behind its deadline, a call that a worker has. */
#define TAKEN_MS 1000u

static struct enoki_invocation *take_sent(struct en_pool *pool, uint64_t id)
{
    struct enoki_invocation *before = NULL;

    for (struct enoki_invocation *inv = pool->sent.first; inv != NULL; inv = inv->next) {
        if (inv->id != id) {
            before = inv;
            continue;
        }
        if (before == NULL)
            return en_invocation_queue_pop(&pool->sent);
        before->next = inv->next;
        if (pool->sent.last == inv)
            pool->sent.last = before;
        pool->sent.count--;
        return inv;
    }
    return NULL;
}

static struct enoki_invocation *pop_waiting(struct en_pool *pool)
{
    (void)atomic_fetch_sub(&pool->shared->waiting, 1);
    return en_invocation_queue_pop(&pool->queue);
}

/* The memory is looked after by the tick. */
static void watch_trays(struct en_pool *pool, uint64_t now_ms)
{
    if (pool->trays.used_ms == 0)
        enoki_server_schedule(pool->server, now_ms + pool->limits->worker_idle_ms);
}

/* Large bodies go into the call's tray instead of its record. */
static void put_body(struct en_pool *pool, struct en_pool_message *message,
                     struct en_call_record *call)
{
    struct en_text *body = &call->request.body;
    uint64_t now;

    if (!en_trays_carry(&pool->trays, message->tray, body->len))
        return;
    now = en_clock_ms();
    watch_trays(pool, now);
    en_trays_put(&pool->trays, message->tray, body->data, body->len, now);
    message->tray_len = body->len;
    *body = (struct en_text){"", 0};
}

static int send_call(struct en_pool *pool, const struct enoki_invocation *inv, uint32_t tray)
{
    struct en_pool_message message = {.type = EN_POOL_CALL,
                                      .id = inv->id,
                                      .deadline_ms = inv->deadline_ms,
                                      .tray = tray,
                                      .turn = pool->trays.trays[tray].turn};
    struct en_call_record call = {inv->request, inv->subpath.len};
    struct en_buffer bytes = EN_BUFFER_INIT(pool->packet.max);
    int rc, lent = -1;

    put_body(pool, &message, &call);
    rc = en_call_encode(&bytes, &call);
    if (inv->waiter != NULL && inv->waiter->lend != NULL)
        lent = inv->waiter->lend(inv->waiter, &message.lent_call);
    if (rc == 0)
        rc = en_packet_pass(pool->calls[0], &message, sizeof(message), bytes.data, bytes.len, lent);
    en_buffer_fini(&bytes);
    return rc;
}

static int post_call(struct en_pool *pool, const struct enoki_invocation *inv)
{
    uint32_t tray = en_trays_take(&pool->trays, inv->id);
    int rc = tray == EN_NO_TRAY ? ENOKI_ELIMIT : send_call(pool, inv, tray);

    if (rc != 0)
        en_trays_give(&pool->trays, tray, inv->id);
    return rc;
}

/* One for each worker. Where no other worker can be had, a second one, which whoever is free first
 * finds without having to wait for the parent: a switch less for every call under load. */
static uint32_t calls_max(const struct en_pool *pool)
{
    bool has_second = !pool->shares_connections && !pool->one_call &&
                      pool->present == pool->workers_max;

    return has_second ? EN_POOL_CALLS_EACH * pool->alive : pool->alive;
}

void en_pool_pump(struct en_pool *pool)
{
    while (pool->queue.count > 0 && en_trays_out(&pool->trays) < calls_max(pool)) {
        struct enoki_invocation *inv = pop_waiting(pool);
        int rc = post_call(pool, inv);

        if (rc == ENOKI_ELIMIT && en_trays_out(&pool->trays) > 0) {
            /* The socket is full until the next answer. */
            (void)atomic_fetch_add(&pool->shared->waiting, 1);
            en_invocation_queue_push_front(&pool->queue, inv);
            break;
        }
        if (rc == 0)
            en_invocation_queue_push(&pool->sent, inv);
        else
            en_invocation_fail(inv, 500, "the call cannot be handed to a worker\n");
    }
}

void en_pool_fail_all(struct en_pool *pool)
{
    static const char text[] = "the function's processes were ended\n";
    struct enoki_invocation *inv;

    while (pool->queue.count > 0)
        en_invocation_fail(pop_waiting(pool), 502, text);
    while ((inv = en_invocation_queue_pop(&pool->sent)) != NULL)
        en_invocation_fail(inv, 502, text);
}

void enoki_pool_submit(void *self, struct enoki_invocation *inv)
{
    struct en_pool *pool = self;
    bool counted = pool->counted;

    pool->counted = false; /* what this call leads to is not */
    if (!counted)
        (void)atomic_fetch_add(&pool->shared->waiting, 1);
    en_invocation_queue_push(&pool->queue, inv);
    if (pool->is_orphaned) {
        en_pool_fail_all(pool);
        return;
    }
    en_pool_pump(pool);
    if (pool->present < pool->workers_max)
        en_pool_adapt(pool, en_clock_ms());
    enoki_server_schedule(pool->server, inv->deadline_ms);
    if (pool->limits->cpu_time_ms != 0)
        enoki_server_schedule(pool->server, en_clock_ms() + en_pool_cpu_interval(pool));
}

/* The body comes from the tray that the call was given, if the worker says so: plain bytes, of
 * which only the place and the length matter here. */
static int take_answer(struct en_pool *pool, const struct en_pool_message *message,
                       const char *bytes, size_t len, struct en_answer_record *answer)
{
    uint64_t now;
    int rc = en_answer_decode(answer, bytes, len);

    if (rc != 0 || message->tray_len == 0)
        return rc;
    if (answer->body.len != 0)
        return ENOKI_EPROTO;
    now = en_clock_ms();
    watch_trays(pool, now);
    answer->body.data =
        en_trays_get(&pool->trays, message->tray, message->id, message->tray_len, now);
    answer->body.len = (size_t)message->tray_len;
    return answer->body.data == NULL ? ENOKI_EPROTO : 0;
}

/* Of a call that still waits. */
static void finish(struct en_pool *pool, struct enoki_invocation *inv,
                   const struct en_pool_message *message, const char *bytes, size_t len)
{
    struct en_answer_record answer;
    struct en_reply reply;

    if (len == 0) {
        en_invocation_fail(inv, 504, WAITED_TEXT);
        return;
    }
    if (take_answer(pool, message, bytes, len, &answer) != 0) {
        en_invocation_fail(inv, 502, "the worker's answer is damaged\n");
        return;
    }
    en_reply_init_from(&reply, &answer);
    en_invocation_finish(inv, &reply);
    en_reply_fini(&reply);
}

void en_pool_on_reply(struct en_pool *pool, const struct en_pool_message *message, const char *body,
                      size_t len)
{
    struct enoki_invocation *inv = take_sent(pool, message->id);

    if (inv != NULL) /* else answered 504 meanwhile */
        finish(pool, inv, message, body, len);
    en_trays_give(&pool->trays, message->tray, message->id);
}

void en_pool_on_sent(struct en_pool *pool, const struct en_pool_message *message)
{
    struct enoki_invocation *inv = take_sent(pool, message->id);

    en_trays_give(&pool->trays, message->tray, message->id);
    /* What no connection was lent for cannot have been sent. */
    if (inv != NULL && inv->waiter != NULL && inv->waiter->lend != NULL)
        en_invocation_finish(inv, NULL);
    else if (inv != NULL)
        en_invocation_fail(inv, 502, "the worker's answer is damaged\n");
}

void en_pool_on_async(struct en_pool *pool, const char *body, size_t len)
{
    struct en_header headers[EN_HEADERS_MAX];
    struct en_call_record call;
    int rc = en_call_decode(&call, headers, body, len);

    if (rc == 0) {
        pool->counted = true;
        rc = en_server_submit_accepted(pool->server, &call.request,
                                       en_request_subpath(&call.request, call.subpath_len));
        pool->counted = false;
    }
    if (rc != 0) {
        (void)atomic_fetch_sub(&pool->shared->waiting, 1);
        en_log(en_server_log(pool->server), ENOKI_LOG_ERROR,
               "an accepted asynchronous call is lost: %s", enoki_error_text(rc));
    }
}

static const struct enoki_invocation *find_sent(const struct en_pool *pool, uint64_t id)
{
    const struct enoki_invocation *inv = pool->sent.first;

    while (inv != NULL && inv->id != id)
        inv = inv->next;
    return inv;
}

/* Who has ended may have received the message. If it has not there are two now, which does no harm;
 * if the socket has no room the call waits for its end. */
static void post_again(struct en_pool *pool, uint32_t tray)
{
    uint64_t id = pool->trays.trays[tray].call;
    const struct enoki_invocation *inv = find_sent(pool, id);

    if (inv != NULL)
        (void)!send_call(pool, inv, tray);
    else
        (void)en_trays_withdraw(&pool->trays, id);
}

static void lose(struct en_pool *pool, uint32_t tray, const struct en_pool_failure *failure)
{
    uint64_t id = pool->trays.trays[tray].call;
    struct enoki_invocation *inv = take_sent(pool, id);

    en_trays_give(&pool->trays, tray, id);
    if (inv != NULL)
        en_invocation_fail(inv, failure->status, failure->text);
}

void en_pool_calls_lost(struct en_pool *pool, const struct en_pool_failure *failure,
                        bool may_have_more)
{
    for (uint32_t i = 0; i < pool->trays.count; i++) {
        uint32_t worker = 0;
        enum en_tray_state state = en_trays_state(&pool->trays, i, &worker);

        if (state == EN_TRAY_POSTED && may_have_more)
            post_again(pool, i);
        else if (state == EN_TRAY_CLAIMED &&
                 (worker >= pool->workers_max || pool->workers[worker].phase == EN_POOL_ABSENT))
            lose(pool, i, failure);
    }
    en_pool_pump(pool);
}

/* Answers what waits for a worker for too long. The queue is in order of arrival, so the first is
 * the first to expire. */
static uint64_t expire_queue(struct en_pool *pool, uint64_t now_ms)
{
    while (pool->queue.first != NULL && pool->queue.first->deadline_ms <= now_ms)
        en_invocation_fail(pop_waiting(pool), 504, WAITED_TEXT);
    return pool->queue.first == NULL ? UINT64_MAX : pool->queue.first->deadline_ms;
}

/* One that a worker runs is answered when that worker is dead, or much later here; what none has
 * taken, at once: none can take it any more. */
static uint64_t expire_sent(struct en_pool *pool, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;
    struct enoki_invocation *inv = pool->sent.first;

    while (inv != NULL) {
        struct enoki_invocation *following = inv->next;
        uint64_t end = inv->deadline_ms;
        bool is_taken = end <= now_ms && !en_trays_withdraw(&pool->trays, inv->id);

        if (is_taken)
            end += TAKEN_MS;
        if (end > now_ms) {
            next = end < next ? end : next;
        } else {
            inv = take_sent(pool, inv->id);
            en_invocation_fail(inv, 504, is_taken ? en_pool_late.text : WAITED_TEXT);
        }
        inv = following;
    }
    en_pool_pump(pool); /* there may be room now */
    return next;
}

uint64_t en_pool_expire_calls(struct en_pool *pool, uint64_t now_ms)
{
    uint64_t next = expire_queue(pool, now_ms), sent = expire_sent(pool, now_ms);

    if (sent < next)
        next = sent;
    for (uint32_t i = 0; i < pool->workers_max; i++) {
        struct en_pool_status *status = en_pool_status(pool, i);
        struct en_pool_worker *worker = &pool->workers[i];
        uint32_t state = atomic_load_explicit(&status->state, memory_order_acquire);
        uint64_t deadline = atomic_load_explicit(&status->deadline_ms, memory_order_relaxed);

        if (worker->pid <= 0 || worker->killed != EN_POOL_NOT_KILLED || !en_pool_is_in_call(state))
            continue;
        if (deadline > now_ms) {
            next = deadline < next ? deadline : next;
            continue;
        }
        en_log(en_server_log(pool->server), ENOKI_LOG_WARN,
               "worker %u (process %d) is killed: its call passed the deadline", i,
               (int)worker->pid);
        worker->killed = EN_POOL_KILLED_LATE;
        (void)kill(worker->pid, SIGKILL);
    }
    return next;
}

uint64_t en_pool_rest(struct en_pool *pool, uint64_t now_ms)
{
    bool was_used = pool->trays.used_ms != 0;
    uint64_t next = en_trays_rest(&pool->trays, now_ms, pool->limits->worker_idle_ms);

    if (was_used && pool->trays.used_ms == 0)
        en_heap_rest();
    return next;
}
