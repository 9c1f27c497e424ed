#include "function.h"

#include "calls.h"
#include "instance.h"
#include "node.h"
#include "scaling.h"

#include "base/backoff.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A runtime that lived so long is started again at once. */
#define LIVED_MS 10000u

int function_new(struct function **out, struct node *node, const char *name)
{
    struct function *function = calloc(1, sizeof(*function));

    if (function == NULL)
        return ENOKI_ENOMEM;
    function->node = node;
    function->restart_at_ms = UINT64_MAX;
    (void)snprintf(function->name, sizeof(function->name), "%s", name);
    if (lines_new(&function->lines, name, node_followers(node), node_log_files(node)) != 0) {
        free(function);
        return ENOKI_ENOMEM;
    }
    *out = function;
    return 0;
}

void function_free(struct function *function)
{
    settings_free(function->settings);
    settings_free(function->next);
    lines_free(function->lines);
    free(function);
}

const struct settings *function_settings(const struct function *function)
{
    return function->settings != NULL ? function->settings : function->next;
}

const char *function_name(const struct function *function)
{
    return function->name;
}

enum function_state function_state(const struct function *function)
{
    if (function->retiring)
        return FUNCTION_STOPPED;
    if (function->generation != 0 && scaling_count(function, function->generation, true) > 0)
        return FUNCTION_READY;
    if (function->failure[0] != '\0')
        return FUNCTION_FAILED;
    return function->generation != 0 && function->target == 0 ? FUNCTION_ASLEEP : FUNCTION_STARTING;
}

bool function_takes_calls(const struct function *function)
{
    enum function_state state = function_state(function);

    return state == FUNCTION_READY || state == FUNCTION_ASLEEP;
}

const char *function_state_name(enum function_state state)
{
    static const char *const names[] = {"starting", "ready", "failed", "asleep", "stopped"};

    return names[state];
}

/* --- starting -----------------------------------------------------------------------------------
 */

static void stop_generation(struct function *function, uint64_t generation)
{
    for (struct instance *i = function->instances; i != NULL; i = i->next) {
        if (i->generation == generation)
            instance_stop(i);
    }
}

static void tell(struct function *function, const struct enoki_error *err)
{
    function_done_fn done = function->done;

    function->done = NULL;
    if (done != NULL)
        done(function->done_context, err);
}

void function_pause(struct function *function)
{
    function->pause_ms = en_backoff_next(function->pause_ms);
    function->restart_at_ms = en_clock_ms() + function->pause_ms;
    node_schedule(function->node, function->restart_at_ms);
}

static void note_failure(struct function *function, const char *why)
{
    (void)snprintf(function->failure, sizeof(function->failure), "%s", why);
    calls_fail_start(function);
}

void function_give_up(struct function *function, const char *why)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    (void)enoki_error_set(&err, ENOKI_EFUNCTION, "%s", why);
    en_log(node_log(function->node), ENOKI_LOG_ERROR, "function '%s' cannot be started: %s",
           function->name, why);
    stop_generation(function, function->newest);
    if (function->generation != 0) {
        en_log(node_log(function->node), ENOKI_LOG_WARN,
               "function '%s': the version before goes on", function->name);
        settings_free(function->next);
        function->next = NULL;
    } else {
        note_failure(function, why);
        function_pause(function);
    }
    tell(function, &err);
}

static void switch_over(struct function *function, uint32_t target)
{
    settings_free(function->settings);
    function->settings = function->next;
    function->next = NULL;
    function->generation = function->newest;
    function->restart_at_ms = UINT64_MAX;
    function->pause_ms = 0;
    function->failure[0] = '\0';
    scaling_switch(function, target);
    for (struct instance *i = function->instances; i != NULL; i = i->next) {
        if (i->generation != function->generation)
            instance_drain(i);
    }
    node_tell_ready(function->node, function);
}

/* What replaces another, or somebody waits for, has to prove that it works; the rest may sleep. */
static bool may_sleep(const struct function *function)
{
    return function->generation == 0 && function->next->function.instances_min == 0 &&
           !function->next->must_prove;
}

void function_abandon(struct function *function, const char *why)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    (void)enoki_error_set(&err, ENOKI_ECLOSED, "%s", why);
    tell(function, &err);
}

/* Who waits for another start learns it once this one is in its place: he may look. */
static void take_place(struct function *function, struct settings *settings, function_done_fn done,
                       void *context)
{
    struct settings *other = function->next;
    function_done_fn other_done = function->done;
    void *other_context = function->done_context;
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (other != NULL)
        stop_generation(function, function->newest);
    function->next = settings;
    function->done = done;
    function->done_context = context;
    function->newest++;
    (void)enoki_error_set(&err, ENOKI_ECLOSED, "another deployment took its place");
    if (other_done != NULL)
        other_done(other_context, &err);
    settings_free(other);
}

void function_apply(struct function *function, struct settings *settings, function_done_fn done,
                    void *context)
{
    take_place(function, settings, done, context);
    if (function->generation == 0)
        function->restart_at_ms = UINT64_MAX;
    scaling_plan(function);
    if (may_sleep(function)) {
        switch_over(function, 0);
        tell(function, NULL);
    } else {
        scaling_fill(function);
    }
}

/* --- what happens to instances ------------------------------------------------------------------
 */

void function_on_ready(struct function *function, struct instance *instance)
{
    bool switches = function->next != NULL && instance->generation == function->newest &&
                    scaling_count(function, function->newest, true) >= function->next_target;

    if (switches)
        switch_over(function, function->next_target);
    if (instance->generation != function->generation)
        return;
    function->failure[0] = '\0';
    calls_pump(function);
    if (switches)
        tell(function, NULL);
}

void function_on_retiring(struct function *function, struct instance *instance)
{
    bool is_wanted =
        instance->generation == function->generation && instance->phase == INSTANCE_READY;

    instance_drain(instance);
    if (!is_wanted)
        return;
    function->restarts++;
    scaling_fill(function);
}

static void unlink_instance(struct function *function, struct instance *instance)
{
    struct instance **at = &function->instances;

    while (*at != instance)
        at = &(*at)->next;
    *at = instance->next;
    function->instance_count--;
}

/* Calls wait for a runtime that had been ready; once it cannot even start they learn why. */
static void restart(struct function *function, const char *why, bool was_ready, bool lived)
{
    en_log(node_log(function->node), ENOKI_LOG_ERROR, "function '%s': %s; starting it anew",
           function->name, why);
    function->restarts++;
    (void)snprintf(function->last_end, sizeof(function->last_end), "%s", why);
    function->last_end_ns = en_clock_wall_ns();
    if (!was_ready)
        note_failure(function, why);
    if (lived)
        function->pause_ms = 0;
    scaling_lose(function, was_ready);
    function_pause(function);
}

void function_on_end(struct function *function, struct instance *instance, const char *why)
{
    bool was_wanted = instance->phase == INSTANCE_STARTING || instance->phase == INSTANCE_READY;
    bool was_ready = instance->phase == INSTANCE_READY;
    struct node *node = function->node;
    bool lived = en_clock_ms() - instance->started_ms > LIVED_MS;
    uint64_t generation = instance->generation;
    char text[ENOKI_ERROR_MESSAGE_BYTES];

    (void)snprintf(text, sizeof(text), "%s", why);
    unlink_instance(function, instance);
    instance_free(instance);
    if (was_wanted && !function->retiring && !node_is_stopping(node)) {
        if (function->next != NULL && generation == function->newest)
            function_give_up(function, text);
        else if (generation == function->generation)
            restart(function, text, was_ready, lived);
    }
    calls_pump(function);
    function_check(function);
    node_check(node);
}

/* --- the end ------------------------------------------------------------------------------------
 */

void function_check(struct function *function)
{
    if (!function->retiring || function->forgotten || function->instances != NULL ||
        function->running > 0 || function->queue.count > 0 || function->accepting > 0)
        return;
    function->forgotten = true;
    node_forget(function->node, function);
}

void function_stop(struct function *function)
{
    gate_forget(node_gate(function->node), function);
    for (struct instance *i = function->instances; i != NULL; i = i->next)
        instance_drain(i);
}

void function_retire(struct function *function)
{
    function->retiring = true;
    function_abandon(function, "the function was removed meanwhile");
    calls_fail(function, true, 503, "the function is being removed\n");
    function_stop(function);
    function_check(function);
}

static void end_pause(struct function *function)
{
    function->restart_at_ms = UINT64_MAX;
    if (function->generation == 0 && function->next != NULL)
        function->newest++;
    scaling_fill(function);
}

uint64_t function_tick(struct function *function, uint64_t now_ms)
{
    uint64_t next, at;

    if (function->restart_at_ms <= now_ms)
        end_pause(function);
    next = scaling_tick(function, now_ms);
    if (function->queue.count > 0) {
        at = calls_expire(function, now_ms);
        next = at < next ? at : next;
    }
    for (struct instance *i = function->instances; i != NULL; i = i->next) {
        at = instance_tick(i, now_ms);
        next = at < next ? at : next;
    }
    return function->restart_at_ms < next ? function->restart_at_ms : next;
}
