/* enoki/invoke.h: checks a call of another function, adds what travels along, chooses the way. */
#include "invoke/env.h"
#include "invoke/outgoing.h"

#include "base/checked.h"
#include "base/clock.h"
#include "wire/http_chars.h"
#include "wire/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 16u
#define DEPTH_HEADER "X-Enoki-Depth"
#define REQUEST_ID_HEADER "X-Request-Id"
#define TIMEOUT_HEADER "X-Enoki-Timeout"
#define TIMEOUT_DEFAULT_MS 60000u
#define OWN_HEADERS_MAX 32u
#define METHOD_MAX_BYTES 32u
#define PASSED_MAX_BYTES 1024u /* of a header that goes on as it came */

/* --- what travels along -------------------------------------------------------------------------
 */

/* A call's trace is made once: all that it calls is part of the same one. */
static int find_trace(const struct enoki_env *env, struct enoki_call *call, struct en_trace *out,
                      uint8_t random[EN_TRACE_RANDOM_BYTES])
{
    const struct en_text *parent = NULL;

    int rc = en_outgoing_random(env->live->outgoing, random, EN_TRACE_RANDOM_BYTES);

    if (rc != 0)
        return rc;
    if (call != NULL && call->has_trace) {
        *out = call->trace;
        return 0;
    }
    if (call != NULL)
        parent = en_request_header(call->request, "traceparent");
    if (parent == NULL || !en_trace_parse(*parent, out))
        en_trace_make(random, out);
    if (call != NULL) {
        call->trace = *out;
        call->has_trace = true;
    }
    return 0;
}

int en_call_begin_trace(struct enoki_call *call)
{
    uint8_t random[EN_TRACE_RANDOM_BYTES];
    struct en_trace trace;

    return call->has_trace ? 0 : find_trace(call->env, call, &trace, random);
}

static bool has_header(const struct en_reply *collected, const char *name)
{
    struct en_header headers[EN_REPLY_HEADERS_MAX];
    const struct en_request request = {.headers = headers,
                                       .header_count = en_reply_split_headers(collected, headers)};

    return en_request_header(&request, name) != NULL;
}

/* Passes a header of the incoming call on, as it is. */
static int pass_on(const struct enoki_call *call, struct en_reply *headers, const char *name,
                   const char *otherwise)
{
    const char *value = call == NULL ? NULL : enoki_call_header(call, name);

    if (value == NULL || value[0] == '\0' || strlen(value) > PASSED_MAX_BYTES)
        value = otherwise;
    return value == NULL || has_header(headers, name)
               ? 0
               : en_reply_add_header(headers, name, value, NULL);
}

static int add_trace(const struct enoki_env *env, struct enoki_call *call, struct en_reply *headers)
{
    char parent[EN_TRACE_PARENT_CHARS + 1];
    uint8_t random[EN_TRACE_RANDOM_BYTES];
    struct en_trace trace;
    int rc = find_trace(env, call, &trace, random);

    if (rc != 0)
        return rc;
    if (!has_header(headers, "traceparent")) {
        en_trace_format(&trace, random + EN_TRACE_RANDOM_BYTES - EN_TRACE_SPAN_BYTES, parent);
        rc = en_reply_add_header(headers, "traceparent", parent, NULL);
        if (rc == 0)
            rc = pass_on(call, headers, "tracestate", NULL);
    }
    return rc != 0 ? rc : pass_on(call, headers, REQUEST_ID_HEADER, trace.id);
}

static int add_depth(const struct enoki_call *call, const struct enoki_env *env, const char *name,
                     struct en_reply *headers, struct enoki_error *err)
{
    const struct en_text *given =
        call == NULL ? NULL : en_request_header(call->request, DEPTH_HEADER);
    uint64_t depth = 0;
    char text[24];

    if (given != NULL && !en_parse_u64(given->data, given->len, DEPTH_MAX, &depth))
        depth = DEPTH_MAX;
    if (depth >= DEPTH_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT,
                               "'%s' does not call '%s': %u functions have called each other until "
                               "here, which looks like a ring",
                               enoki_env_name(env), name, DEPTH_MAX);
    (void)snprintf(text, sizeof(text), "%" PRIu64, depth + 1);
    return en_reply_add_header(headers, DEPTH_HEADER, text, err);
}

/* What only one over HTTP needs to be told. */
static int add_remote(const struct enoki_invoke_options *options, uint64_t end_ms,
                      struct en_reply *headers, struct enoki_error *err)
{
    uint64_t now = en_clock_ms();
    char text[24];

    if (options->is_async)
        return en_reply_add_header(headers, "X-tinyFaaS-Async", "true", err);
    (void)snprintf(text, sizeof(text), "%" PRIu64, end_ms > now ? end_ms - now : 0);
    return en_reply_add_header(headers, TIMEOUT_HEADER, text, err);
}

/* --- what is given ------------------------------------------------------------------------------
 */

static bool is_of(const char *text, unsigned classes)
{
    for (; *text != '\0'; text++)
        if (!en_http_is(*text, classes))
            return false;
    return true;
}

static int check_target(const struct enoki_invoke_options *options, struct enoki_error *err)
{
    if (options->method[0] == '\0' || strlen(options->method) > METHOD_MAX_BYTES ||
        !is_of(options->method, EN_HTTP_TOKEN) || strcmp(options->method, "CONNECT") == 0)
        return enoki_error_set(err, ENOKI_EINVAL, "'%.40s' is no method: use GET, POST, ...",
                               options->method);
    if ((options->path[0] != '\0' && options->path[0] != '/') ||
        !is_of(options->path, EN_HTTP_PATH) || !is_of(options->query, EN_HTTP_QUERY))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "path '%.100s' and query '%.100s' cannot be sent: a path begins "
                               "with '/', and what a URI may not have is percent-encoded",
                               options->path, options->query);
    return 0;
}

static int check(const struct enoki_env *env, const char *name,
                 const struct enoki_invoke_options *options, struct enoki_error *err)
{
    if (env->live == NULL)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "preload calls function '%.100s', which it cannot before workers "
                               "are forked: call it in open or invoke",
                               name);
    if (!en_is_name(name, strlen(name)))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%.100s' is no function's name: use letters and digits", name);
    if (options->size < sizeof(*options) || options->method == NULL || options->path == NULL ||
        options->query == NULL || (options->body == NULL && options->body_len > 0))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "the options of a call lack something: start from "
                               "ENOKI_INVOKE_OPTIONS_INIT");
    return check_target(options, err);
}

static int add_given(const struct enoki_invoke_options *options, struct en_reply *headers,
                     struct enoki_error *err)
{
    int rc = 0;

    if (options->header_count > OWN_HEADERS_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT, "a call has at most %u headers of its own",
                               OWN_HEADERS_MAX);
    for (size_t i = 0; i < options->header_count && rc == 0; i++) {
        const struct enoki_invoke_header *header = &options->headers[i];
        size_t len = strlen(header->name);

        if (en_http_equals(header->name, len, "x-enoki-depth") ||
            en_http_equals(header->name, len, "x-enoki-timeout") ||
            en_http_equals(header->name, len, "x-tinyfaas-async") ||
            en_http_equals(header->name, len, "host"))
            return enoki_error_set(err, ENOKI_EINVAL,
                                   "the header '%s' is set by the runtime: leave it out",
                                   header->name);
        rc = en_reply_add_header(headers, header->name, header->value, err);
    }
    if (rc == 0 && options->content_type != NULL)
        rc = en_reply_add_header(headers, "Content-Type", options->content_type, err);
    return rc;
}

/* --- the call -----------------------------------------------------------------------------------
 */

static const char *find_remote(const struct enoki_env *env, const char *name)
{
    const struct enoki_node_settings *node = env->options.node;

    for (size_t i = 0; node != NULL && i < node->remote_count; i++)
        if (strcmp(node->remotes[i].name, name) == 0)
            return node->remotes[i].value;
    return NULL;
}

static uint64_t end_of(const struct enoki_call *call, const struct enoki_invoke_options *options)
{
    uint64_t now = en_clock_ms();
    uint64_t most = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_DEFAULT_MS;
    uint64_t end = most > UINT64_MAX - now ? UINT64_MAX : now + most;

    if (call != NULL && (options->timeout_ms == 0 || call->info->deadline_ms < end))
        end = call->info->deadline_ms;
    return end;
}

static int send_it(const struct enoki_env *env, const char *name,
                   const struct enoki_invoke_options *options, uint64_t end_ms,
                   const struct en_reply *collected, struct enoki_answer **out,
                   struct enoki_error *err)
{
    const char *url = find_remote(env, name);
    struct en_header headers[EN_REPLY_HEADERS_MAX];
    const struct en_outgoing_call call = {
        .function = name,
        .method = {options->method, strlen(options->method)},
        .subpath = {options->path, strlen(options->path)},
        .query = {options->query, strlen(options->query)},
        .body = {options->body == NULL ? "" : options->body, options->body_len},
        .headers = headers,
        .header_count = en_reply_split_headers(collected, headers),
        .end_ms = end_ms,
        .is_async = options->is_async != 0,
    };

    if (url != NULL)
        return en_outgoing_remote(env->live->outgoing, url, env->options.node->remotes_ca, &call,
                                  out, err);
    if (env->options.routes == 0)
        return enoki_error_set(err, ENOKI_ENOTFOUND,
                               "there is no function '%s' here: say where it is with --remote "
                               "%s=http://HOST:PORT/%s, or run both behind one front door "
                               "(enoki-run -c FILE)",
                               name, name, name);
    return en_outgoing_local(env->live->outgoing, env->options.routes, &call, out, err);
}

static int invoke(const struct enoki_env *env, struct enoki_call *call, const char *name,
                  const struct enoki_invoke_options *given, struct enoki_answer **out,
                  struct enoki_error *err)
{
    static const struct enoki_invoke_options none = ENOKI_INVOKE_OPTIONS_INIT;
    const struct enoki_invoke_options *options = given == NULL ? &none : given;
    struct enoki_answer *answer = NULL;
    struct en_reply headers;
    uint64_t end_ms;
    int rc = check(env, name, options, err);

    if (rc != 0)
        return rc;
    end_ms = end_of(call, options);
    en_reply_init(&headers, 0);
    rc = add_given(options, &headers, err);
    if (rc == 0)
        rc = add_depth(call, env, name, &headers, err);
    if (rc == 0) {
        rc = add_trace(env, call, &headers);
        if (rc != 0)
            (void)enoki_error_set(err, rc, "the call of '%s' cannot be prepared: %s", name,
                                  enoki_error_text(rc));
    }
    if (rc == 0 && find_remote(env, name) != NULL)
        rc = add_remote(options, end_ms, &headers, err);
    if (rc == 0)
        rc = send_it(env, name, options, end_ms, &headers, &answer, err);
    en_reply_fini(&headers);
    if (rc != 0)
        return rc;
    if (out != NULL)
        *out = answer;
    else
        enoki_answer_free(answer);
    return 0;
}

int enoki_call_invoke(struct enoki_call *call, const char *name,
                      const struct enoki_invoke_options *options, struct enoki_answer **out,
                      struct enoki_error *err)
{
    return invoke(call->env, call, name, options, out, err);
}

int enoki_env_invoke(const struct enoki_env *env, const char *name,
                     const struct enoki_invoke_options *options, struct enoki_answer **out,
                     struct enoki_error *err)
{
    return invoke(env, NULL, name, options, out, err);
}
