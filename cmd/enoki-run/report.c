#include "report.h"

#include "keeper.h"

#include "base/clock.h"

#include <json.h>
#include <stdio.h>
#include <string.h>

int report_list(const struct node *node, struct en_buffer *out)
{
    int rc = 0;

    for (size_t i = 0; i < node_function_count(node) && rc == 0; i++)
        rc = en_buffer_appendf(out, "%s\n", function_name(node_function_at(node, i)));
    return rc;
}

bool report_is_ready(const struct node *node)
{
    for (size_t i = 0; i < node_function_count(node); i++) {
        if (!function_takes_calls(node_function_at(node, i)))
            return false;
    }
    return !enoki_server_is_draining(node_server(node));
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void add_text(json_object *object, const char *key, const char *value)
{
    if (value != NULL)
        json_object_object_add(object, key, json_object_new_string(value));
}

static void add_number(json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_ms(json_object *object, const char *key, uint64_t us)
{
    json_object_object_add(object, key, json_object_new_double((double)us / 1000));
}

/* Of the last 15 to 30 seconds. */
static json_object *recent_json(const struct histogram *latency)
{
    json_object *object = json_object_new_object();
    uint64_t now_us = en_clock_ns() / 1000, count;

    add_ms(object, "p50", histogram_recent_us(latency, 0.5, now_us, &count));
    add_ms(object, "p99", histogram_recent_us(latency, 0.99, now_us, &count));
    add_number(object, "count", count);
    return object;
}

static json_object *latency_json(const struct histogram *latency)
{
    json_object *object = json_object_new_object();
    double mean = latency->count == 0 ? 0 : (double)latency->sum_us / (double)latency->count;

    add_ms(object, "p50", histogram_quantile_us(latency, 0.5));
    add_ms(object, "p99", histogram_quantile_us(latency, 0.99));
    json_object_object_add(object, "mean", json_object_new_double(mean / 1000));
    json_object_object_add(object, "recent", recent_json(latency));
    return object;
}

static void add_range(json_object *object, const char *key, uint64_t min, uint64_t max)
{
    json_object *range = json_object_new_object();

    add_number(range, "min", min);
    add_number(range, "max", max);
    json_object_object_add(object, key, range);
}

/* Why it does not run, why a runtime was last started anew and when, and when it is tried again. */
static void add_failures(json_object *object, const struct function *function)
{
    uint64_t now = en_clock_ms(), at = function->restart_at_ms;

    if (function->failure[0] != '\0')
        add_text(object, "error", function->failure);
    if (function->last_end[0] != '\0') {
        char when[EN_CLOCK_TEXT_BYTES];
        json_object *last = json_object_new_object();

        en_clock_text(function->last_end_ns, when);
        add_text(last, "why", function->last_end);
        add_text(last, "time", when);
        json_object_object_add(object, "last_failure", last);
    }
    if (at != UINT64_MAX)
        add_number(object, "next_try_ms", at > now ? at - now : 0);
}

static json_object *function_json(const struct function *function)
{
    const struct settings *settings = function_settings(function);
    const struct enoki_function_settings *own = &settings->function;
    json_object *object = json_object_new_object();
    json_object *variables = json_object_new_array();

    add_text(object, "name", own->name);
    add_text(object, "state", function_state_name(function_state(function)));
    add_text(object, "from", settings->env == NULL ? "file" : "upload");
    add_text(object, "env", settings->env);
    add_text(object, "runtime", own->runtime);
    add_number(object, "instances", function->instance_count);
    add_range(object, "instance_bounds", own->instances_min, own->instances_max);
    add_range(object, "workers", own->workers_min, own->workers_max);
    add_number(object, "workers_now", usage_workers(function));
    add_number(object, "calls", function->calls);
    add_number(object, "errors", function->errors);
    add_number(object, "refused", function->refused);
    add_number(object, "running", function->running);
    add_number(object, "queued", function->queue.count);
    add_number(object, "async", function->async);
    add_number(object, "restarts", function->restarts);
    add_number(object, "memory", function->usage.bytes);
    add_number(object, "processes", function->usage.processes);
    add_failures(object, function);
    json_object_object_add(object, "latency_ms", latency_json(&function->latency));
    add_text(object, "digest", settings->digest);
    add_text(object, "created", settings->created);
    if (function->next != NULL && function->settings != NULL)
        json_object_object_add(object, "replacing", json_object_new_boolean(1));
    /* Names alone: values may be secrets. */
    for (size_t i = 0; i < own->variable_count; i++)
        json_object_array_add(variables, json_object_new_string(own->variables[i].name));
    for (size_t i = 0; i < own->secret_count; i++)
        json_object_array_add(variables, json_object_new_string(own->secrets[i].name));
    json_object_object_add(object, "variables", variables);
    return object;
}

static int write_json(json_object *object, struct en_buffer *out)
{
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
    int rc = text == NULL ? ENOKI_ENOMEM : en_buffer_appendf(out, "%s\n", text);

    json_object_put(object);
    return rc;
}

/* Where calls come to: {"http": "http://127.0.0.1:8000", ...}. */
static json_object *endpoints_json(const struct node *node)
{
    json_object *object = json_object_new_object();
    char url[160], scheme[16];

    for (size_t i = 0; node_url(node, i, url, sizeof(url)); i++) {
        (void)snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(url, ":"), url);
        add_text(object, scheme, url);
    }
    return object;
}

static json_object *node_json(const struct node *node)
{
    json_object *object = json_object_new_object();

    add_text(object, "name", node_settings(node)->node);
    add_text(object, "version", enoki_version());
    add_number(object, "uptime_s", node_uptime_ms(node) / 1000);
    json_object_object_add(object, "ready", json_object_new_boolean(report_is_ready(node)));
    return object;
}

int report_functions(const struct node *node, struct en_buffer *out)
{
    json_object *object = json_object_new_object();
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < node_function_count(node); i++)
        json_object_array_add(list, function_json(node_function_at(node, i)));
    json_object_object_add(object, "node", node_json(node));
    json_object_object_add(object, "functions", list);
    json_object_object_add(object, "endpoints", endpoints_json(node));
    return write_json(object, out);
}

int report_function(const struct function *function, struct en_buffer *out)
{
    return write_json(function_json(function), out);
}
