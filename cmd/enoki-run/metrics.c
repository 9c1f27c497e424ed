#include "metrics.h"

#include "instance.h"
#include "keeper.h"

#include <string.h>

struct metric {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*value)(const struct function *function);
};

static uint64_t calls(const struct function *function)
{
    return function->calls;
}

static uint64_t errors(const struct function *function)
{
    return function->errors;
}

static uint64_t refused(const struct function *function)
{
    return function->refused;
}

static uint64_t restarts(const struct function *function)
{
    return function->restarts;
}

static uint64_t running(const struct function *function)
{
    return function->running;
}

static uint64_t queued(const struct function *function)
{
    return function->queue.count;
}

static uint64_t async(const struct function *function)
{
    return function->async;
}

static uint64_t memory(const struct function *function)
{
    return function->usage.bytes;
}

static uint64_t processes(const struct function *function)
{
    return function->usage.processes;
}

static uint64_t instances(const struct function *function)
{
    return function->instance_count;
}

static uint64_t is_ready(const struct function *function)
{
    return function_takes_calls(function) ? 1 : 0;
}

static const struct metric metrics[] = {
    {"enoki_calls_total", "counter", "Calls that were answered", calls},
    {"enoki_call_errors_total", "counter", "Calls that were answered with 500 and above", errors},
    {"enoki_calls_refused_total", "counter", "Calls that met a full queue (503)", refused},
    {"enoki_runtime_restarts_total", "counter", "Runtimes that were started anew", restarts},
    {"enoki_calls_running", "gauge", "Calls that a runtime has", running},
    {"enoki_calls_queued", "gauge", "Calls that wait for a runtime", queued},
    {"enoki_async_calls", "gauge", "Accepted asynchronous calls that wait or run", async},
    {"enoki_runtimes", "gauge", "Runtime processes", instances},
    {"enoki_workers", "gauge", "Its workers, in all runtimes", usage_workers},
    {"enoki_memory_bytes", "gauge", "Memory of its processes, shared pages in part", memory},
    {"enoki_processes", "gauge", "Its processes", processes},
    {"enoki_ready", "gauge", "1: it takes calls", is_ready},
};

static int write_latency(const struct function *function, struct en_buffer *out)
{
    static const uint64_t bounds_us[] = {100,     250,     500,     1000,    2500,   5000,
                                         10000,   25000,   50000,   100000,  250000, 500000,
                                         1000000, 2500000, 5000000, 10000000};
    const char *name = function_name(function);
    int rc = 0;

    for (size_t i = 0; i < sizeof(bounds_us) / sizeof(bounds_us[0]) && rc == 0; i++)
        rc = en_buffer_appendf(
            out, "enoki_call_seconds_bucket{function=\"%s\",le=\"%g\"} %llu\n", name,
            (double)bounds_us[i] / 1e6,
            (unsigned long long)histogram_count_below(&function->latency, bounds_us[i]));
    if (rc == 0)
        rc = en_buffer_appendf(out,
                               "enoki_call_seconds_bucket{function=\"%s\",le=\"+Inf\"} %llu\n"
                               "enoki_call_seconds_sum{function=\"%s\"} %.6f\n"
                               "enoki_call_seconds_count{function=\"%s\"} %llu\n",
                               name, (unsigned long long)function->latency.count, name,
                               (double)function->latency.sum_us / 1e6, name,
                               (unsigned long long)function->latency.count);
    return rc;
}

static int write_each(const struct node *node, const struct metric *metric, struct en_buffer *out)
{
    int rc = en_buffer_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                               metric->name, metric->type);

    for (size_t i = 0; i < node_function_count(node) && rc == 0; i++) {
        const struct function *function = node_function_at(node, i);

        rc = en_buffer_appendf(out, "%s{function=\"%s\"} %llu\n", metric->name,
                               function_name(function),
                               (unsigned long long)metric->value(function));
    }
    return rc;
}

static int write_one(const char *name, const char *type, const char *help, uint64_t value,
                     struct en_buffer *out)
{
    return en_buffer_appendf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type,
                             name, (unsigned long long)value);
}

static int write_uploads(const struct metrics_uploads *uploads, struct en_buffer *out)
{
    return en_buffer_appendf(out,
                             "# HELP enoki_uploads_total Uploads and rollbacks by how they went\n"
                             "# TYPE enoki_uploads_total counter\n"
                             "enoki_uploads_total{result=\"ok\"} %llu\n"
                             "enoki_uploads_total{result=\"failed\"} %llu\n",
                             (unsigned long long)uploads->ok, (unsigned long long)uploads->failed);
}

static int write_node(const struct node *node, struct en_buffer *out)
{
    int rc = en_buffer_appendf(out,
                               "# HELP enoki_node_info The node and its version\n"
                               "# TYPE enoki_node_info gauge\n"
                               "enoki_node_info{node=\"%s\",version=\"%s\"} 1\n",
                               node_settings(node)->node, enoki_version());

    if (rc == 0)
        rc = write_one("enoki_uptime_seconds", "gauge", "Since the node started",
                       node_uptime_ms(node) / 1000, out);
    if (rc == 0)
        rc = write_one("enoki_async_stored", "gauge", "Calls that are kept on disk",
                       keeper_count(node_keeper(node)), out);
    if (rc == 0)
        rc = write_one("enoki_async_stored_bytes", "gauge", "Bytes of those",
                       keeper_bytes(node_keeper(node)), out);
    return rc;
}

/* --- state --------------------------------------------------------------------------------------
 */

static void sum_state(const struct function *function, struct en_counts_total *total)
{
    *total = function->state_before;
    for (const struct instance *i = function->instances; i != NULL; i = i->next)
        en_counts_sum(i->counts, total);
}

/* Kinds of calls that were never made are left out. */
static int write_state_of(const struct function *function, const char *name, bool errors,
                          struct en_buffer *out)
{
    const char *uri = function_settings(function)->state;
    struct en_counts_total total;
    int rc = 0;

    sum_state(function, &total);
    for (unsigned what = 0; what < EN_COUNT_KINDS && rc == 0; what++) {
        if (total.calls[what] == 0)
            continue;
        rc = en_buffer_appendf(
            out, "%s{function=\"%s\",backend=\"%.*s\",operation=\"%s\"} %llu\n", name,
            function_name(function), (int)strcspn(uri, ":"), uri,
            en_count_name((enum en_count)what),
            (unsigned long long)(errors ? total.errors[what] : total.calls[what]));
    }
    return rc;
}

static int write_state(const struct node *node, struct en_buffer *out)
{
    static const struct {
        const char *name, *help;
        bool errors;
    } families[] = {
        {"enoki_state_operations_total", "Calls of state by backend and kind", false},
        {"enoki_state_errors_total", "Those that failed, but for items that are not there", true}};
    int rc = 0;

    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]) && rc == 0; f++) {
        rc = en_buffer_appendf(out, "# HELP %s %s\n# TYPE %s counter\n", families[f].name,
                               families[f].help, families[f].name);
        for (size_t i = 0; i < node_function_count(node) && rc == 0; i++)
            rc = write_state_of(node_function_at(node, i), families[f].name, families[f].errors,
                                out);
    }
    return rc;
}

int metrics_write(const struct node *node, const struct metrics_uploads *uploads,
                  struct en_buffer *out)
{
    int rc = write_node(node, out);

    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]) && rc == 0; m++)
        rc = write_each(node, &metrics[m], out);
    if (rc == 0)
        rc = write_uploads(uploads, out);
    if (rc == 0)
        rc = write_state(node, out);
    if (rc == 0)
        rc = en_buffer_append_text(out, "# HELP enoki_call_seconds From arrival to answer\n"
                                        "# TYPE enoki_call_seconds histogram\n");
    for (size_t i = 0; i < node_function_count(node) && rc == 0; i++)
        rc = write_latency(node_function_at(node, i), out);
    return rc;
}
