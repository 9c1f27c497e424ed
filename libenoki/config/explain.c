#include "config/explain.h"

#include "config/keys.h"
#include "config/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define NODE_WIDTH 24
#define FUNCTION_WIDTH 22
#define MARK "   (default)"

static int line(struct en_buffer *out, const char *key, const char *value, bool is_default)
{
    return en_buffer_appendf(out, "%-*s = \"%s\"%s\n", NODE_WIDTH, key, value,
                             is_default ? MARK : "");
}

static int size_line(struct en_buffer *out, const char *key, uint64_t value, uint64_t initial)
{
    char text[EN_UNIT_TEXT_BYTES];

    en_unit_format(EN_UNIT_SIZE, value, text);
    return line(out, key, text, value == initial);
}

static int function_line(struct en_buffer *out, const char *key, const char *value, bool is_default)
{
    return en_buffer_appendf(out, "  %-*s = %s%s\n", FUNCTION_WIDTH, key, value,
                             is_default ? MARK : "");
}

static int range_line(struct en_buffer *out, const char *key, uint32_t min, uint32_t max)
{
    return min == max
               ? en_buffer_appendf(out, "  %-*s = %u\n", FUNCTION_WIDTH, key, max)
               : en_buffer_appendf(out, "  %-*s = %u to %u\n", FUNCTION_WIDTH, key, min, max);
}

static int explain_workers(const struct enoki_function_settings *function, struct en_buffer *out)
{
    if (function->workers_max == 0)
        return function_line(out, "workers",
                             strcmp(function->runtime, "thread") == 0 ? "64" : "number of cores",
                             true);
    return range_line(out, "workers", function->workers_min, function->workers_max);
}

/* What a front door does with it. */
static int explain_scale(const struct enoki_function_settings *function, struct en_buffer *out)
{
    char text[EN_UNIT_TEXT_BYTES];
    int rc = function->instances_max == 0
                 ? function_line(out, "instances", "1", true)
                 : range_line(out, "instances", function->instances_min, function->instances_max);

    if (rc == 0 && function->instances_idle_ms != 0) {
        en_unit_format(EN_UNIT_DURATION, function->instances_idle_ms, text);
        rc = function_line(out, "instances.idle", text, false);
    }
    if (rc == 0 && function->concurrency == 0)
        rc = function_line(out, "limits.concurrency", "as many as workers", true);
    else if (rc == 0)
        rc = range_line(out, "limits.concurrency", function->concurrency, function->concurrency);
    if (rc == 0)
        rc = function_line(out, "async", function->async_durable != 0 ? "durable" : "memory",
                           function->async_durable == 0);
    if (rc == 0)
        rc = function_line(out, "compat", function->compat_tinyfaas != 0 ? "tinyfaas" : "none",
                           function->compat_tinyfaas == 0);
    return rc == 0 && function->state != NULL ? function_line(out, "state", function->state, false)
                                              : rc;
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

/* As the option, or as the key of a function is called. */
static void name_limit(const struct en_limit *limit, enum en_explained what, char *out, size_t size)
{
    const struct en_key *own = en_key_find(EN_GROUP_FUNCTION, limit->key);

    if (what == EN_EXPLAIN_FUNCTION)
        (void)snprintf(out, size, "%s", limit->option);
    else if (limit->offset == offsetof(struct enoki_limits, worker_idle_ms))
        (void)snprintf(out, size, "workers.%s", limit->key);
    else
        (void)snprintf(out, size, "%s%s", own == NULL ? "limits." : "", limit->key);
}

static int explain_limits(const struct enoki_limits *limits, enum en_explained what,
                          struct en_buffer *out)
{
    const struct en_limit *limit;
    char text[EN_UNIT_TEXT_BYTES], name[64];
    int rc = 0;

    for (size_t i = 0; (limit = en_limit_at(i)) != NULL && rc == 0; i++) {
        uint64_t value = en_limit_get(limit, limits);

        name_limit(limit, what, name, sizeof(name));
        en_unit_format(limit->unit, value, text);
        rc = function_line(out, name, text, value == en_limit_default(limit));
    }
    return rc;
}

static int explain_function(const struct enoki_function_settings *function,
                            enum en_explained what, struct en_buffer *out)
{
    int rc = en_buffer_appendf(out, "\nfunction \"%s\"\n", function->name);

    if (rc == 0)
        rc = function_line(out, "code", function->code, false);
    if (rc == 0)
        rc = function_line(out, "runtime", function->runtime,
                           strcmp(function->runtime, "prefork") == 0);
    if (rc == 0)
        rc = explain_workers(function, out);
    if (rc == 0 && what == EN_EXPLAIN_NODE)
        rc = explain_scale(function, out);
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
    return rc != 0 ? rc : explain_limits(&function->limits, what, out);
}

/* Those that have a value. */
struct text_line {
    const char *key;
    const char *value;
    const char *initial;
};

static int explain_texts(const struct text_line *lines, size_t count, struct en_buffer *out)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (lines[i].value != NULL)
            rc = line(out, lines[i].key, lines[i].value,
                      strcmp(lines[i].value, lines[i].initial) == 0);
    }
    return rc;
}

static int explain_listen(const struct enoki_node_settings *node, struct en_buffer *out)
{
    const struct text_line lines[] = {
        {"listen.http", node->listen_http, "127.0.0.1:8000"},
        {"listen.http", node->listen_https, ""},
        {"listen.grpc", node->listen_grpc, ""},
        {"listen.coap", node->listen_coap, ""},
        {"listen.coap_psk", node->coap_psk, ""},
        {"listen.management", node->listen_management, ""},
        {"listen.management_socket", node->management_socket, ""},
        {"listen.tls.certificate", node->tls_certificate, ""},
        {"listen.tls.key", node->tls_key, ""},
        {"listen.tls.ca", node->tls_ca, ""},
    };

    return explain_texts(lines, sizeof(lines) / sizeof(lines[0]), out);
}

/* Of uploads and asynchronous calls, wherever they are kept. */
static int explain_kept(const struct enoki_node_settings *node, struct en_buffer *out)
{
    const struct text_line lines[] = {
        {"deploy.path", node->deploy_path, ""},
        {"deploy.secrets", node->deploy_secrets, ""},
        {"deploy.token", node->deploy_token, ""},
        {"deploy.ca", node->deploy_ca, ""},
        {"deploy.local", node->deploy_anyone != 0 ? "anyone" : "user", "user"},
    };
    int rc = 0;

    if (node->listen_management != NULL || node->management_socket != NULL)
        rc = explain_texts(lines, sizeof(lines) / sizeof(lines[0]), out);
    for (const char *at = node->deploy_urls; rc == 0 && at != NULL && *at != '\0';) {
        int len = (int)strcspn(at, "\n");

        rc = en_buffer_appendf(out, "%-*s = \"%.*s\"\n", NODE_WIDTH, "deploy.urls", len, at);
        at += len + (at[len] == '\0' ? 0 : 1);
    }
    if (rc == 0 && node->async_path != NULL)
        rc = line(out, "async.path", node->async_path, false);
    return rc == 0 ? size_line(out, "async.max_size", node->async_max_bytes, 256u << 20) : rc;
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
    if (rc == 0)
        rc = line(out, "log.access", node->log_access != 0 ? "true" : "false",
                  node->log_access == 0);
    return rc;
}

static int explain_log_files(const struct enoki_node_settings *node, struct en_buffer *out)
{
    int rc = 0;

    if (node->log_path == NULL)
        return 0;
    rc = line(out, "log.path", node->log_path, false);
    if (rc == 0)
        rc = size_line(out, "log.max_size", node->log_max_bytes, 10u << 20);
    return rc == 0 ? en_buffer_appendf(out, "%-*s = \"%u\"%s\n", NODE_WIDTH, "log.keep",
                                       node->log_keep, node->log_keep == 5 ? MARK : "")
                   : rc;
}

/* What only a node that runs all functions has. */
static int explain_node(const struct enoki_node_settings *node, struct en_buffer *out)
{
    int rc = explain_log_files(node, out);

    if (rc == 0)
        rc = line(out, "compat", node->compat_tinyfaas != 0 ? "tinyfaas" : "none",
                  node->compat_tinyfaas == 0);
    if (rc == 0)
        rc = explain_kept(node, out);
    if (rc == 0)
        rc = size_line(out, "limits.bodies", node->max_bodies_bytes, 256u << 20);
    if (rc == 0 && node->isolation_user_count != 0)
        rc = explain_users(node, out);
    if (rc == 0 && node->isolation_work != NULL)
        rc = line(out, "isolation.work", node->isolation_work, false);
    return rc;
}

int en_explain_settings(const struct enoki_node_settings *node, enum en_explained what,
                        struct en_buffer *out)
{
    int rc = line(out, "node", node->node, strcmp(node->node, "local") == 0);

    if (rc == 0)
        rc = line(out, "state", node->state, false);
    if (rc == 0)
        rc = explain_listen(node, out);
    if (rc == 0)
        rc = explain_answers(node, out);
    if (rc == 0 && what == EN_EXPLAIN_NODE)
        rc = explain_node(node, out);
    for (size_t i = 0; i < node->remote_count && rc == 0; i++)
        rc = en_buffer_appendf(out, "remote %-*s = \"%s\"\n", NODE_WIDTH - 7, node->remotes[i].name,
                               node->remotes[i].value);
    if (rc == 0 && node->remotes_ca != NULL)
        rc = line(out, "remotes_ca", node->remotes_ca, false);
    for (size_t i = 0; i < node->function_count && rc == 0; i++)
        rc = explain_function(&node->functions[i], what, out);
    return rc;
}
