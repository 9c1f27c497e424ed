#include "invoke/instance.h"

#include "invoke/bounds.h"
#include "invoke/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct en_instance {
    struct enoki_env env;
    struct en_env_live live;
    void *opened; /* what the function's open made */
    bool is_worn;
};

/* A function may return anything and write anything: the result is a negative code with a message
 * that ends. */
static int check_result(const char *step, int rc, struct enoki_error *err)
{
    err->message[sizeof(err->message) - 1] = '\0';
    if (rc > 0)
        return enoki_error_set(err, ENOKI_EFUNCTION,
                               "%s returned '%d': return 0, or a negative code for a failure", step,
                               rc);
    if (rc < 0 && err->message[0] == '\0')
        return enoki_error_set(err, rc, "%s returned '%d' (%s): %s", step, rc, enoki_error_name(rc),
                               enoki_error_text(rc));
    err->status = rc;
    return rc;
}

int en_instance_preload(const struct en_instance_options *options, struct enoki_error *err)
{
    const struct enoki_function *function = en_plugin_function(options->plugin);
    const struct enoki_env env = {*options, NULL};
    struct enoki_error own = ENOKI_ERROR_INIT;
    int rc = 0;

    if (function->preload != NULL)
        rc = check_result("preload", function->preload(&env, &own), &own);
    if (rc != 0 && err != NULL)
        *err = own;
    return rc;
}

static void release(struct en_instance *instance)
{
    en_outgoing_free(instance->live.outgoing);
    enoki_state_free(instance->live.state);
    free(instance);
}

int en_instance_open(struct en_instance **out, const struct en_instance_options *options,
                     struct enoki_error *err)
{
    const struct enoki_function *function = en_plugin_function(options->plugin);
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct en_instance *instance;
    int rc = 0;

    instance = calloc(1, sizeof(*instance));
    if (instance == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    instance->env.options = *options;
    instance->env.live = &instance->live;
    instance->live.deadline_ms = UINT64_MAX;
    if (en_outgoing_new(&instance->live.outgoing) != 0) {
        free(instance);
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    }
    if (function->open != NULL)
        rc = check_result("open", function->open(&instance->env, &instance->opened, &own), &own);
    if (rc != 0) {
        /* What failed to open is not closed, only its state is given back. */
        release(instance);
        if (err != NULL)
            *err = own;
        return rc;
    }
    *out = instance;
    return 0;
}

void en_instance_free(struct en_instance *instance)
{
    const struct enoki_function *function;

    if (instance == NULL)
        return;
    function = en_plugin_function(instance->env.options.plugin);
    if (function->close != NULL)
        function->close(instance->opened);
    release(instance);
}

static void log_failure(const struct en_instance *instance, const struct en_call_info *info,
                        const struct enoki_error *err, const char *limit)
{
    const struct en_instance_options *options = &instance->env.options;
    char call[24];
    const struct en_log_field fields[] = {{"function", options->function->name},
                                          {"worker", options->worker},
                                          {"call", call},
                                          {"limit", limit},
                                          {"code", enoki_error_name(err->status)},
                                          {"error", err->message}};

    (void)snprintf(call, sizeof(call), "%llu", (unsigned long long)info->id);
    en_log_fields(options->log, ENOKI_LOG_WARN, "call failed", fields,
                  sizeof(fields) / sizeof(fields[0]));
}

/* A process that has used up what it may have would only fail again. */
static void fail(struct en_instance *instance, const struct en_call_info *info,
                 const struct enoki_error *err, struct en_reply *reply)
{
    const struct en_instance_options *options = &instance->env.options;
    const char *limit = en_bounds_of_failure(&options->function->limits, err->status);
    char text[ENOKI_ERROR_MESSAGE_BYTES + 64];

    log_failure(instance, info, err, limit);
    if (limit == NULL) {
        en_reply_text(reply, 500, err->message);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s (limit: %s)\n", err->message, limit);
    en_reply_text(reply, 502, text);
    instance->is_worn = true;
}

bool en_instance_is_worn(const struct en_instance *instance)
{
    return instance->is_worn;
}

/* Statuses whose answer ends with its head (RFC 9110, 15.3.5 and 15.4.5). */
static bool forbids_body(int status)
{
    return status == 204 || status == 304;
}

void en_instance_run(struct en_instance *instance, const struct en_request *request,
                     const struct en_call_info *info, struct en_reply *reply)
{
    const struct enoki_function *function = en_plugin_function(instance->env.options.plugin);
    struct enoki_call call;
    struct enoki_error err;
    int rc;

    /* No initializers: those would clear the whole message and trace for every call. */
    call.env = &instance->env;
    call.request = request;
    call.info = info;
    call.reply = reply;
    call.has_trace = false;
    err.status = 0;
    err.message[0] = '\0';
    instance->live.call_id = info->id;
    instance->live.deadline_ms = info->deadline_ms;
    if (instance->live.state != NULL)
        enoki_state_set_deadline(instance->live.state, info->deadline_ms);
    rc = check_result("invoke", function->invoke(instance->opened, &call, &err), &err);
    instance->live.call_id = 0;

    if (rc != 0) {
        fail(instance, info, &err, reply);
    } else if (forbids_body(reply->status)) {
        reply->body.len = 0;
    }
}
