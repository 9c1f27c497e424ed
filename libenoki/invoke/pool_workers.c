#include "invoke/pool.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "invoke/ended.h"
#include "invoke/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static int start_worker(struct en_pool *pool)
{
    struct en_pool_message message = {.type = EN_POOL_FORK};
    uint32_t number = 0;

    while (number < pool->workers_max && pool->workers[number].phase != EN_POOL_ABSENT)
        number++;
    if (number == pool->workers_max)
        return ENOKI_ELIMIT;
    message.worker = number;
    /* Before the fork: the worker may have its first call before send returns here. */
    atomic_store(&en_pool_status(pool, number)->state, EN_POOL_IDLE);
    if (en_packet_send(pool->control[0], &message, sizeof(message), NULL, 0) != 0)
        return ENOKI_ECLOSED;
    pool->workers[number] = (struct en_pool_worker){.phase = EN_POOL_STARTING};
    pool->present++;
    return 0;
}

/* Calls that were handed over and that nobody can take: the workers have gone, or run others. */
static size_t count_untaken(const struct en_pool *pool)
{
    uint32_t able = 0, out = en_trays_out(&pool->trays);

    for (uint32_t i = 0; i < pool->workers_max; i++) {
        if (pool->workers[i].phase == EN_POOL_ALIVE &&
            atomic_load_explicit(&en_pool_status(pool, i)->state, memory_order_acquire) !=
                EN_POOL_CALLING)
            able++;
    }
    return out > able ? out - able : 0;
}

void en_pool_adapt(struct en_pool *pool, uint64_t now_ms)
{
    uint32_t wanted = enoki_runtime_function(pool->runtime)->workers_min;
    size_t waiting = pool->queue.count + count_untaken(pool);

    if (now_ms < pool->fork_at_ms) {
        enoki_server_schedule(pool->server, pool->fork_at_ms);
        return;
    }
    /* What waits while workers are on their way will be theirs. */
    if (waiting > pool->present - pool->alive) {
        size_t more = waiting - (pool->present - pool->alive);
        uint32_t room = pool->workers_max - pool->present;

        if (pool->present + (more < room ? (uint32_t)more : room) > wanted)
            wanted = pool->present + (more < room ? (uint32_t)more : room);
    }
    while (pool->present < wanted) {
        if (start_worker(pool) != 0)
            break;
    }
}

static void forget(struct en_pool *pool, uint32_t number)
{
    struct en_pool_worker *worker = &pool->workers[number];

    if (worker->phase == EN_POOL_ALIVE) {
        pool->alive--;
        atomic_store(&pool->shared->ready, pool->alive);
    }
    if (worker->phase != EN_POOL_ABSENT)
        pool->present--;
    *worker = (struct en_pool_worker){.phase = EN_POOL_ABSENT};
}

static void report(const struct en_pool *pool, const struct en_pool_worker *worker, uint32_t number,
                   int status, const char *limit)
{
    const struct en_log_field field = {"limit", limit};
    char end[EN_ENDED_TEXT_SIZE], text[EN_ENDED_TEXT_SIZE + 64];

    if (worker->killed != EN_POOL_NOT_KILLED || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return;
    en_ended_text(status, end);
    (void)snprintf(text, sizeof(text), "worker %u (process %d) %s", number, (int)worker->pid, end);
    en_log_fields(en_server_log(pool->server), ENOKI_LOG_ERROR, text, &field, 1);
}

static void delay_start(struct en_pool *pool)
{
    pool->fork_pause_ms = en_backoff_next(pool->fork_pause_ms);
    pool->fork_at_ms = en_clock_ms() + pool->fork_pause_ms;
}

static void on_death(struct en_pool *pool, uint32_t number, int wait_status, uint64_t max_kib)
{
    struct en_pool_worker *worker = &pool->workers[number];
    uint32_t state = atomic_exchange(&en_pool_status(pool, number)->state, EN_POOL_IDLE);
    bool was_alive = worker->phase == EN_POOL_ALIVE;
    const struct en_pool_failure *failure = en_pool_diagnose(pool, number, wait_status, max_kib);

    report(pool, worker, number, wait_status, failure->limit);
    if (!was_alive)
        delay_start(pool);
    forget(pool, number);
    if (en_pool_is_in_call(state))
        (void)atomic_fetch_sub(&pool->shared->busy, 1);
    if (was_alive)
        en_pool_calls_lost(pool, failure, wait_status != 0); /* else it ended between calls */
    if (state == EN_POOL_CALLING)
        en_pool_connection_lost(pool, number, failure);
    else if (state == EN_POOL_READING)
        en_pool_connection_lost(pool, number, NULL);
    if (pool->alive == 0)
        en_pool_reclaim_all(pool);
    if (!enoki_server_is_draining(pool->server) || pool->taken > 0 || !enoki_pool_is_idle(pool))
        en_pool_adapt(pool, en_clock_ms());
}

/* Without the zygote: its workers ended with it, and nobody says so. */
static void lose_all(struct en_pool *pool)
{
    pool->is_orphaned = true;
    for (uint32_t i = 0; i < pool->workers_max; i++) {
        if (pool->workers[i].phase != EN_POOL_ABSENT)
            on_death(pool, i, SIGKILL, 0);
    }
    en_pool_fail_all(pool);
}

void en_pool_on_control(void *context, bool readable, bool writable)
{
    struct en_pool *pool = context;
    struct en_pool_message message;
    int rc;

    (void)readable;
    (void)writable;
    while ((rc = en_packet_receive(&pool->packet, pool->control[0], 0)) == 1) {
        if (pool->packet.len < sizeof(message))
            continue;
        memcpy(&message, pool->packet.data, sizeof(message));
        if (message.type == EN_POOL_FAILED) {
            en_log(en_server_log(pool->server), ENOKI_LOG_ERROR, "cannot start a worker: %.*s",
                   (int)(pool->packet.len - sizeof(message)), pool->packet.data + sizeof(message));
            continue;
        }
        if (message.worker >= pool->workers_max)
            continue;
        if (message.type == EN_POOL_FORKED)
            pool->workers[message.worker].pid = (pid_t)message.id;
        if (message.type != EN_POOL_DIED)
            continue;
        /* What it said before it died comes by another socket: that first. */
        en_pool_on_results(pool, true, false);
        on_death(pool, message.worker, (int)(uint32_t)message.id, message.input_len);
    }
    if (rc == ENOKI_ECLOSED && pool->control_watch != NULL) {
        en_log(en_server_log(pool->server), ENOKI_LOG_ERROR,
               "the zygote is gone: no worker can be started any more; stopping");
        en_watch_pause(pool->control_watch);
        lose_all(pool);
        (void)kill(pool->parent, SIGTERM);
    }
}

/* Ends workers that had nothing to do since the last look, down to those that always stay. */
uint64_t en_pool_shrink(struct en_pool *pool, uint64_t now_ms)
{
    uint32_t min = enoki_runtime_function(pool->runtime)->workers_min, idle = 0;
    const struct en_pool_message message = {.type = EN_POOL_EXIT};

    if (min == pool->workers_max || pool->alive <= min) {
        pool->shrink_look_ms = 0;
        return UINT64_MAX;
    }
    if (pool->shrink_look_ms == 0)
        pool->shrink_look_ms = now_ms + pool->limits->worker_idle_ms;
    else if (now_ms < pool->shrink_look_ms)
        return pool->shrink_look_ms;
    else
        pool->shrink_look_ms = now_ms + pool->limits->worker_idle_ms;
    for (uint32_t i = 0; i < pool->workers_max; i++) {
        const struct en_pool_status *status = en_pool_status(pool, i);
        uint64_t calls = atomic_load_explicit(&status->calls, memory_order_relaxed);
        struct en_pool_worker *worker = &pool->workers[i];

        /* Idle for the whole time: it was at the last look, and had no call since. */
        bool quiet = atomic_load(&status->state) == EN_POOL_IDLE;

        if (worker->phase == EN_POOL_ALIVE && quiet && worker->calls_seen == calls + 1)
            idle++;
        worker->calls_seen = quiet ? calls + 1 : 0;
    }
    if (idle > pool->alive - min)
        idle = pool->alive - min;
    for (; idle > 0; idle--) {
        if (en_packet_send(pool->calls[0], &message, sizeof(message), NULL, 0) != 0)
            break;
    }
    return pool->shrink_look_ms;
}
