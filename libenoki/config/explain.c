#include "config/explain.h"

#include "config/limits.h"

#include <stdbool.h>
#include <stdio.h>
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

static int explain_isolation(const struct enoki_function_settings *function, struct en_buffer *out)
{
    bool is_default = function->seccomp == NULL;
    bool widens = !is_default && strcmp(function->seccomp, "off") != 0;
    int rc = 0;

    if (function->user != NULL)
        rc = function_line(out, "user", function->user, false);
    if (rc == 0 && function->group != NULL)
        rc = function_line(out, "group", function->group, false);
    if (rc == 0 && widens)
        return en_buffer_appendf(out, "  %-*s = default without %s\n", FUNCTION_WIDTH, "seccomp",
                                 function->seccomp);
    return rc != 0 ? rc
                   : function_line(out, "seccomp", is_default ? "default" : "off", is_default);
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
    if (rc == 0)
        rc = explain_isolation(function, out);
    for (size_t i = 0; i < function->variable_count && rc == 0; i++)
        rc = en_buffer_appendf(out, "  env %-*s = \"%s\"\n", FUNCTION_WIDTH - 4,
                               function->variables[i].name, function->variables[i].value);
    for (size_t i = 0; i < function->secret_count && rc == 0; i++)
        rc = en_buffer_appendf(out, "  secret %-*s = file \"%s\"\n", FUNCTION_WIDTH - 7,
                               function->secrets[i].name, function->secrets[i].value);
    return rc != 0 ? rc : explain_limits(&function->limits, out);
}

static int explain_listen(const struct enoki_node_settings *node, struct en_buffer *out)
{
    const struct {
        const char *key;
        const char *value;
        const char *initial;
    } lines[] = {
        {"listen.http", node->listen_http, "127.0.0.1:8000"},
        {"listen.http", node->listen_https, ""},
        {"listen.grpc", node->listen_grpc, ""},
        {"listen.coap", node->listen_coap, ""},
        {"listen.coap_psk", node->coap_psk, ""},
        {"listen.management", node->listen_management, ""},
        {"tls.certificate", node->tls_certificate, ""},
        {"tls.key", node->tls_key, ""},
        {"tls.ca", node->tls_ca, ""},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && rc == 0; i++) {
        if (lines[i].value != NULL)
            rc = line(out, lines[i].key, lines[i].value,
                      strcmp(lines[i].value, lines[i].initial) == 0);
    }
    return rc;
}

static int explain_users(const struct enoki_node_settings *node, struct en_buffer *out)
{
    char text[64];

    if (node->isolation_shared != 0)
        return line(out, "isolation.users", "shared", false);
    (void)snprintf(text, sizeof(text), "own (%u to %u)", node->isolation_first_user,
                   node->isolation_first_user + node->isolation_user_count - 1);
    return line(out, "isolation.users", text, node->isolation_first_user == 200000);
}

/* How calls are logged and answered. */
static int explain_answers(const struct enoki_node_settings *node, struct en_buffer *out)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    int rc = line(out, "log.format", node->log_json != 0 ? "json" : "text", node->log_json == 0);

    if (rc == 0 && node->log_level >= 0 && node->log_level < 4)
        rc = line(out, "log.level", levels[node->log_level], node->log_level == 2);
    if (rc == 0 && node->log_access != 0)
        rc = line(out, "log.access", "true", false);
    if (rc == 0 && node->compat_tinyfaas != 0)
        rc = line(out, "compat", "tinyfaas", false);
    return rc;
}

int en_explain_settings(const struct enoki_node_settings *node, struct en_buffer *out)
{
    int rc = line(out, "node", node->node, strcmp(node->node, "local") == 0);

    if (rc == 0)
        rc = line(out, "state", node->state, false);
    if (rc == 0)
        rc = explain_listen(node, out);
    if (rc == 0)
        rc = explain_answers(node, out);
    if (rc == 0 && node->isolation_user_count != 0)
        rc = explain_users(node, out);
    for (size_t i = 0; i < node->remote_count && rc == 0; i++)
        rc = en_buffer_appendf(out, "remote %-*s = \"%s\"\n", NODE_WIDTH - 7, node->remotes[i].name,
                               node->remotes[i].value);
    for (size_t i = 0; i < node->function_count && rc == 0; i++)
        rc = explain_function(&node->functions[i], out);
    return rc;
}
