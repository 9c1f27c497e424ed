#include "invoke/pool.h"

#include "base/clock.h"
#include "invoke/server.h"
#include "wire/call.h"

#include <signal.h>
#include <string.h>

#define WAITED_TEXT "the call waited too long for a worker\n"
/* Behind its deadline, a call that is with the workers: one that is run, and one that is not, whose
 * worker may be about to say that it has it. */
#define TAKEN_MS 1000u
#define UNTAKEN_MS 20u

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

static int send_call(struct en_pool *pool, const struct enoki_invocation *inv)
{
    struct en_pool_message message = {
        .type = EN_POOL_CALL, .id = inv->id, .deadline_ms = inv->deadline_ms};
    const struct en_call_record call = {inv->request, inv->subpath.len};
    struct en_buffer bytes = EN_BUFFER_INIT(pool->packet.max);
    int rc = en_call_encode(&bytes, &call), lent = -1;

    if (inv->waiter != NULL && inv->waiter->lend != NULL)
        lent = inv->waiter->lend(inv->waiter, &message.lent_call);
    if (rc == 0)
        rc = en_packet_pass(pool->calls[0], &message, sizeof(message), bytes.data, bytes.len, lent);
    en_buffer_fini(&bytes);
    return rc;
}

/* One for each worker. Where no other worker can be had, a second one, which whoever is free first
 * finds without having to wait for the parent: a switch less for every call under load. */
static uint32_t messages_max(const struct en_pool *pool)
{
    bool has_second = !pool->shares_connections && !pool->one_call &&
                      pool->present == pool->workers_max;

    return has_second ? 2 * pool->alive : pool->alive;
}

static void push_back(struct en_pool *pool, struct enoki_invocation *inv)
{
    inv->next = pool->queue.first;
    pool->queue.first = inv;
    if (pool->queue.last == NULL)
        pool->queue.last = inv;
    pool->queue.count++;
    (void)atomic_fetch_add(&pool->shared->waiting, 1);
}

void en_pool_pump(struct en_pool *pool)
{
    if (pool->queue.count == 0 && pool->sent.count == 0)
        pool->unanswered = 0;
    while (pool->queue.count > 0 && pool->unanswered < messages_max(pool)) {
        struct enoki_invocation *inv = pop_waiting(pool);
        int rc = send_call(pool, inv);

        if (rc == ENOKI_ELIMIT && pool->unanswered > 0) {
            push_back(pool, inv); /* the socket is full until the next answer */
            break;
        }
        if (rc != 0) {
            en_invocation_fail(inv, 500, "the call cannot be handed to a worker\n");
            continue;
        }
        en_invocation_queue_push(&pool->sent, inv);
        pool->unanswered++;
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

void en_pool_on_reply(struct en_pool *pool, const struct en_pool_message *message, const char *body,
                      size_t len)
{
    struct enoki_invocation *inv = take_sent(pool, message->id);
    struct en_answer_record answer;
    struct en_reply reply;

    if (pool->unanswered > 0)
        pool->unanswered--;
    if (inv == NULL)
        return; /* answered 504 meanwhile */
    if (len == 0) {
        en_invocation_fail(inv, 504, WAITED_TEXT);
        return;
    }
    if (en_answer_decode(&answer, body, len) != 0) {
        en_invocation_fail(inv, 502, "the worker's answer is damaged\n");
        return;
    }
    en_reply_init_from(&reply, &answer);
    en_invocation_finish(inv, &reply);
    en_reply_fini(&reply);
}

void en_pool_on_sent(struct en_pool *pool, const struct en_pool_message *message)
{
    struct enoki_invocation *inv = take_sent(pool, message->id);

    if (pool->unanswered > 0)
        pool->unanswered--;
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

void en_pool_call_lost(struct en_pool *pool, uint64_t id, const struct en_pool_failure *failure)
{
    struct enoki_invocation *inv = take_sent(pool, id);

    if (pool->unanswered > 0)
        pool->unanswered--;
    if (inv != NULL)
        en_invocation_fail(inv, failure->status, failure->text);
}

/* Answers what waits for a worker for too long. The queue is in order of arrival, so the first is
 * the first to expire. */
static uint64_t expire_queue(struct en_pool *pool, uint64_t now_ms)
{
    while (pool->queue.first != NULL && pool->queue.first->deadline_ms <= now_ms)
        en_invocation_fail(pop_waiting(pool), 504, WAITED_TEXT);
    return pool->queue.first == NULL ? UINT64_MAX : pool->queue.first->deadline_ms;
}

static bool is_run(const struct en_pool *pool, uint64_t id)
{
    for (uint32_t i = 0; i < pool->workers_max; i++) {
        const struct en_pool_status *status = en_pool_status(pool, i);

        if (atomic_load_explicit(&status->state, memory_order_acquire) == EN_POOL_SUBMITTED &&
            status->id == id)
            return true;
    }
    return false;
}

/* One that a worker runs is answered when that worker is dead, or much later here; what none has
 * taken, here: who takes it now sees that it is too late. */
static uint64_t expire_sent(struct en_pool *pool, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;
    struct enoki_invocation *inv = pool->sent.first;

    while (inv != NULL) {
        struct enoki_invocation *following = inv->next;
        bool is_due = inv->deadline_ms + UNTAKEN_MS <= now_ms;
        bool runs = is_due && is_run(pool, inv->id);
        uint64_t end = inv->deadline_ms + (runs ? TAKEN_MS : UNTAKEN_MS);

        if (end > now_ms) {
            next = end < next ? end : next;
        } else {
            inv = take_sent(pool, inv->id);
            en_invocation_fail(inv, 504, runs ? en_pool_late.text : WAITED_TEXT);
        }
        inv = following;
    }
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
