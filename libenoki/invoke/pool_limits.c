#include "invoke/pool.h"

#include "invoke/bounds.h"
#include "invoke/cpu.h"
#include "invoke/server.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* Between two looks at the CPU time of calls: a tenth of the limit, within these. */
#define LOOK_MIN_MS 2u
#define LOOK_MAX_MS 50u
/* A process that had so much of what it may have, and crashed, crashed for want of the rest. */
#define NEAR_PERCENT 80u

const struct en_pool_failure en_pool_late = {504, EN_CALL_LATE_TEXT, "timeout"};

static const struct en_pool_failure crashed = {502, "the function crashed during this call\n",
                                               NULL};
static const struct en_pool_failure used_up = {504, EN_CALL_USED_UP_TEXT, "cpu"};
static const struct en_pool_failure of_signals[] = {
    {502, "the function made a forbidden system call (limit: seccomp)\n", "seccomp"},
    {502, "the function wrote a file larger than it may (limit: file_size)\n", "file_size"},
    {504, EN_CALL_USED_UP_TEXT, "cpu"},
};
static const struct en_pool_failure out_of_memory = {
    502, "the function crashed, very likely out of the memory it may use (limit: memory)\n",
    "memory"};

const struct en_pool_failure *en_pool_diagnose(const struct en_pool *pool, uint32_t worker,
                                               int wait_status, uint64_t max_kib)
{
    uint64_t memory = pool->limits->max_memory_bytes;
    const char *limit;

    if (pool->workers[worker].killed == EN_POOL_KILLED_LATE)
        return &en_pool_late;
    if (pool->workers[worker].killed == EN_POOL_KILLED_CPU)
        return &used_up;
    limit = WIFSIGNALED(wait_status) ? en_bounds_of_signal(WTERMSIG(wait_status)) : NULL;
    for (size_t i = 0; limit != NULL && i < sizeof(of_signals) / sizeof(of_signals[0]); i++) {
        if (strcmp(of_signals[i].limit, limit) == 0)
            return &of_signals[i];
    }
    if (memory != 0 && max_kib >= memory / 1024 * NEAR_PERCENT / 100)
        return &out_of_memory;
    return &crashed;
}

static void look_at(struct en_pool *pool, uint32_t number)
{
    const struct en_pool_status *status = en_pool_status(pool, number);
    struct en_pool_worker *worker = &pool->workers[number];
    uint64_t call = atomic_load_explicit(&status->calls, memory_order_relaxed);
    uint64_t used_ns;

    used_ns = en_cpu_time(worker->pid);
    /* A process that it had started may be gone, and its time with it. */
    if (worker->cpu_call != call || used_ns < worker->cpu_ns) {
        worker->cpu_call = call;
        worker->cpu_ns = used_ns;
    } else if ((used_ns - worker->cpu_ns) / 1000000u >= pool->limits->cpu_time_ms) {
        const struct en_log_field limit = {"limit", "cpu"};

        en_log_fields(en_server_log(pool->server), ENOKI_LOG_WARN,
                      "a worker is killed: its call used more CPU time than it may", &limit, 1);
        worker->killed = EN_POOL_KILLED_CPU;
        (void)kill(worker->pid, SIGKILL);
    }
}

uint64_t en_pool_cpu_interval(const struct en_pool *pool)
{
    uint64_t interval = pool->limits->cpu_time_ms / 10;

    if (pool->limits->cpu_time_ms == 0)
        return UINT64_MAX;
    interval = interval < LOOK_MIN_MS ? LOOK_MIN_MS : interval;
    return interval > LOOK_MAX_MS ? LOOK_MAX_MS : interval;
}

/* The parent measures by itself: what a worker says of its own calls is the function's to change.
 * A call that starts right after a look gets that much more. */
uint64_t en_pool_watch_cpu(struct en_pool *pool, uint64_t now_ms)
{
    bool any = pool->taken > 0 || pool->sent.count > 0 || pool->queue.count > 0;

    if (pool->limits->cpu_time_ms == 0 || !any)
        return UINT64_MAX;
    for (uint32_t i = 0; i < pool->workers_max; i++) {
        struct en_pool_worker *worker = &pool->workers[i];
        uint32_t state = atomic_load_explicit(&en_pool_status(pool, i)->state,
                                              memory_order_acquire);

        if (worker->pid > 0 && worker->killed == EN_POOL_NOT_KILLED && en_pool_is_in_call(state))
            look_at(pool, i);
    }
    return now_ms + en_pool_cpu_interval(pool);
}
