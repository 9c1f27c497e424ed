#include "scaling.h"

#include "instance.h"
#include "node.h"

#include "base/clock.h"

/* Calls that wait so long for a busy function make it grow by one instance. */
#define GROW_AFTER_MS 100u

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

void scaling_plan(struct function *function)
{
    const struct enoki_function_settings *settings = &function->next->function;
    uint32_t low = settings->instances_min == 0 ? 1 : settings->instances_min;

    /* One at least, even if it will sleep: it proves that the function works. */
    function->next_target = clamp(function->target, low, settings->instances_max);
}

void scaling_switch(struct function *function, uint32_t target)
{
    const struct enoki_function_settings *settings = &function->settings->function;
    uint64_t ahead = settings->workers_max < settings->limits.max_queue
                         ? settings->workers_max
                         : settings->limits.max_queue;

    function->target = target;
    /* Workers of an only instance find their next call in the runtime; of several instances none
     * must hold a call that another one could run. */
    function->room = settings->workers_max + (settings->instances_max > 1 ? 0 : (uint32_t)ahead);
    function->busy_since_ms = 0;
}

uint32_t scaling_count(const struct function *function, uint64_t generation, bool only_ready)
{
    uint32_t count = 0;

    for (const struct instance *i = function->instances; i != NULL; i = i->next) {
        if (i->generation == generation &&
            (i->phase == INSTANCE_READY || (!only_ready && i->phase == INSTANCE_STARTING)))
            count++;
    }
    return count;
}

/* The lowest number that no instance has: handlers keep theirs over restarts. */
static uint32_t free_index(const struct function *function)
{
    for (uint32_t index = 0;; index++) {
        const struct instance *i = function->instances;

        while (i != NULL && i->index != index)
            i = i->next;
        if (i == NULL)
            return index;
    }
}

static int start_missing(struct function *function, const struct settings *settings,
                         uint64_t generation, uint32_t target, struct enoki_error *err)
{
    struct gate *gate = node_gate(function->node);

    while (scaling_count(function, generation, false) < target) {
        struct instance *instance;
        int rc;

        if (!gate_enter(gate, function, function->queue.count > 0))
            return 0;
        rc = instance_start(&instance, function, settings, generation, free_index(function), err);
        if (rc != 0) {
            gate_leave(gate);
            return rc;
        }
        instance->next = function->instances;
        function->instances = instance;
        function->instance_count++;
    }
    return 0;
}

void scaling_fill(struct function *function)
{
    bool paused = function->restart_at_ms != UINT64_MAX;
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (function->retiring || node_is_stopping(function->node))
        return;
    if (function->next != NULL && (function->generation != 0 || !paused) &&
        start_missing(function, function->next, function->newest, function->next_target, &err) != 0)
        function_give_up(function, err.message);
    if (function->generation != 0 && !paused &&
        start_missing(function, function->settings, function->generation, function->target,
                      &err) != 0)
        function_pause(function);
}

void scaling_press(struct function *function, bool calls_wait)
{
    const struct settings *settings = function->settings;

    if (!calls_wait) {
        function->busy_since_ms = 0;
        if (function->generation != 0 && function->target > settings->function.instances_min)
            node_schedule(function->node, en_clock_ms() + settings->function.instances_idle_ms);
        return;
    }
    if (function->generation == 0)
        return; /* its first generation starts already */
    if (function->target == 0) {
        function->target = 1;
        scaling_fill(function);
    }
    if (function->busy_since_ms == 0 && function->target < settings->function.instances_max) {
        function->busy_since_ms = en_clock_ms();
        node_schedule(function->node, function->busy_since_ms + GROW_AFTER_MS);
    }
}

void scaling_lose(struct function *function, bool was_ready)
{
    uint32_t low = function->settings->function.instances_min;

    /* Without calls that wait, it comes back when it is needed. */
    if (function->queue.count == 0 && function->target > low)
        function->target = was_ready ? function->target - 1 : low;
}

/* One more, if none is starting already. */
static uint64_t grow(struct function *function, uint64_t now_ms)
{
    uint64_t at = function->busy_since_ms + GROW_AFTER_MS;

    if (function->busy_since_ms == 0 ||
        function->target >= function->settings->function.instances_max)
        return UINT64_MAX;
    if (at > now_ms)
        return at;
    if (scaling_count(function, function->generation, true) >= function->target) {
        function->target++;
        scaling_fill(function);
    }
    function->busy_since_ms = now_ms;
    return now_ms + GROW_AFTER_MS;
}

static uint64_t shrink(struct function *function, uint64_t now_ms)
{
    const struct enoki_function_settings *settings = &function->settings->function;
    uint64_t next = UINT64_MAX;

    for (struct instance *i = function->instances; i != NULL; i = i->next) {
        uint64_t at = i->idle_since_ms + settings->instances_idle_ms;

        if (function->target <= settings->instances_min || function->queue.count > 0)
            return UINT64_MAX;
        if (i->phase != INSTANCE_READY || i->generation != function->generation || i->running > 0)
            continue;
        if (at <= now_ms) {
            function->target--;
            instance_drain(i);
        } else if (at < next) {
            next = at;
        }
    }
    return next;
}

uint64_t scaling_tick(struct function *function, uint64_t now_ms)
{
    uint64_t grows, shrinks;

    if (function->retiring || function->generation == 0 || node_is_stopping(function->node))
        return UINT64_MAX;
    grows = grow(function, now_ms);
    shrinks = shrink(function, now_ms);
    return grows < shrinks ? grows : shrinks;
}
