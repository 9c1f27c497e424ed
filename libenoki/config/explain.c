#include "config/explain.h"

#include "config/limits.h"

#include <stdbool.h>
#include <string.h>

#define NODE_WIDTH 17
#define FUNCTION_WIDTH 16
#define MARK "   (default)"

static int line(struct en_buffer *out, const char *key, const char *value, bool is_default)
{
    return en_buffer_appendf(out, "%-*s = \"%s\"%s\n", NODE_WIDTH, key, value,
                             is_default ? MARK : "");
}

static int function_line(struct en_buffer *out, const char *key, const char *value, bool is_default)
{
    return en_buffer_appendf(out, "  %-*s = %s%s\n", FUNCTION_WIDTH, key, value,
                             is_default ? MARK : "");
}

static int explain_workers(const struct enoki_function_settings *function, struct en_buffer *out)
{
    if (function->workers_max == 0)
        return function_line(out, "workers",
                             strcmp(function->runtime, "thread") == 0 ? "64" : "number of cores",
                             true);
    if (function->workers_min == function->workers_max)
        return en_buffer_appendf(out, "  %-*s = %u\n", FUNCTION_WIDTH, "workers",
                                 function->workers_max);
    return en_buffer_appendf(out, "  %-*s = %u to %u\n", FUNCTION_WIDTH, "workers",
                             function->workers_min, function->workers_max);
}

static int explain_limits(const struct enoki_limits *limits, struct en_buffer *out)
{
    const struct en_limit *limit;
    char text[EN_UNIT_TEXT_BYTES];
    int rc = 0;

    for (size_t i = 0; (limit = en_limit_at(i)) != NULL && rc == 0; i++) {
        uint64_t value = en_limit_get(limit, limits);

        en_unit_format(limit->unit, value, text);
        rc = function_line(out, limit->option, text, value == en_limit_default(limit));
    }
    return rc;
}

static int explain_function(const struct enoki_function_settings *function, struct en_buffer *out)
{
    int rc = en_buffer_appendf(out, "\nfunction \"%s\"\n", function->name);

    if (rc == 0)
        rc = function_line(out, "code", function->code, false);
    if (rc == 0)
        rc = function_line(out, "runtime", function->runtime,
                           strcmp(function->runtime, "prefork") == 0);
    if (rc == 0)
        rc = explain_workers(function, out);
    if (rc == 0 && function->keygroup != NULL)
        rc = function_line(out, "keygroup", function->keygroup, false);
    else if (rc == 0)
        rc = en_buffer_appendf(out, "  %-*s = tinyFaaS%s" MARK "\n", FUNCTION_WIDTH, "keygroup",
                               function->name);
    for (size_t i = 0; i < function->variable_count && rc == 0; i++)
        rc = en_buffer_appendf(out, "  env %-*s = \"%s\"\n", FUNCTION_WIDTH - 4,
                               function->variables[i].name, function->variables[i].value);
    return rc != 0 ? rc : explain_limits(&function->limits, out);
}

int en_explain_settings(const struct enoki_node_settings *node, struct en_buffer *out)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    int rc = line(out, "node", node->node, strcmp(node->node, "local") == 0);

    if (rc == 0)
        rc = line(out, "state", node->state, false);
    if (rc == 0 && node->listen_http != NULL)
        rc = line(out, "listen.http", node->listen_http,
                  strcmp(node->listen_http, "127.0.0.1:8000") == 0);
    if (rc == 0)
        rc = line(out, "log.format", node->log_json != 0 ? "json" : "text", node->log_json == 0);
    if (rc == 0 && node->log_level >= 0 && node->log_level < 4)
        rc = line(out, "log.level", levels[node->log_level], node->log_level == 2);
    for (size_t i = 0; i < node->function_count && rc == 0; i++)
        rc = explain_function(&node->functions[i], out);
    return rc;
}
