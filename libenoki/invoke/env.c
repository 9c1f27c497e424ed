#include "invoke/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEYGROUP_PREFIX "tinyFaaS"
#define MESSAGE_BYTES 4096
/* Whoever serves the relay has a timeout of its own, and the call a deadline. */
#define RELAY_TIMEOUT_MS 86400000u

const char *enoki_env_name(const struct enoki_env *env)
{
    return env->options.function->name;
}

const char *enoki_env_directory(const struct enoki_env *env)
{
    return en_plugin_directory(env->options.plugin);
}

const char *enoki_env_variable(const struct enoki_env *env, const char *name)
{
    const struct enoki_function_settings *function = env->options.function;

    for (size_t i = 0; i < function->variable_count; i++) {
        if (strcmp(function->variables[i].name, name) == 0)
            return function->variables[i].value;
    }
    return NULL;
}

const char *enoki_env_variable_at(const struct enoki_env *env, size_t index, const char **name_out)
{
    const struct enoki_function_settings *function = env->options.function;

    if (index >= function->variable_count)
        return NULL;
    *name_out = function->variables[index].name;
    return function->variables[index].value;
}

void enoki_env_log(const struct enoki_env *env, enum enoki_log_level level, const char *format, ...)
{
    struct en_log_field fields[] = {
        {"function", env->options.function->name}, {"worker", env->options.worker}, {"call", NULL}};
    const struct en_log *log = env->options.log;
    char message[MESSAGE_BYTES];
    char call[24];
    va_list args;

    if (log == NULL || level > log->level)
        return;
    /* Foreign code chooses the level: numbers outside the list have no name. */
    if (level < ENOKI_LOG_ERROR || level > ENOKI_LOG_DEBUG)
        level = ENOKI_LOG_DEBUG;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (env->live != NULL && env->live->call_id != 0) {
        (void)snprintf(call, sizeof(call), "%llu", (unsigned long long)env->live->call_id);
        fields[2].value = call;
    }
    en_log_fields(log, level, message, fields, sizeof(fields) / sizeof(fields[0]));
}

static void log_state(void *context, int level, const char *message)
{
    en_log(context, (enum enoki_log_level)level, "%s", message);
}

int en_env_open_state(const struct en_instance_options *settings, struct enoki_state **out,
                      struct enoki_error *err)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    const struct enoki_function_settings *function = settings->function;
    char keygroup[sizeof(KEYGROUP_PREFIX) + ENOKI_NAME_MAX];
    char door[32];

    (void)snprintf(keygroup, sizeof(keygroup), KEYGROUP_PREFIX "%s", function->name);
    options.keygroup = function->keygroup != NULL ? function->keygroup : keygroup;
    options.node = settings->node->node;
    options.log = log_state;
    options.log_context = (void *)(uintptr_t)settings->log;
    if (function->state != NULL)
        options.uri = function->state;
    else if (settings->node->state != NULL)
        options.uri = settings->node->state;
    if (settings->state_door != 0) {
        (void)snprintf(door, sizeof(door), "relay:%d", settings->state_door);
        options.uri = door;
        options.timeout_ms = RELAY_TIMEOUT_MS;
    }
    return enoki_state_open(out, &options, err);
}

int enoki_env_state(const struct enoki_env *env, struct enoki_state **out, struct enoki_error *err)
{
    const struct enoki_function_settings *function = env->options.function;
    int rc;

    if (env->live == NULL)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "preload of function '%s' asks for state, which cannot be opened "
                               "before workers are forked: ask for it in open or invoke",
                               function->name);
    if (env->live->state == NULL) {
        rc = en_env_open_state(&env->options, &env->live->state, err);
        if (rc != 0)
            return rc;
        enoki_state_set_deadline(env->live->state, env->live->deadline_ms);
    }
    *out = env->live->state;
    return 0;
}
