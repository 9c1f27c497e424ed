/*
 * forward - calls on and on: shows enoki/invoke.h at work.
 *
 * POST /forward/NAME/REST   calls the function NAME with the same body, at path /REST, and answers
 *                           as it does; ?async does not wait for it, ?timeout=MS only so long,
 *                           ?times=N calls it N times
 * POST /forward             answers with the headers that it got, a line for each
 */
#include <enoki/function.h>
#include <enoki/invoke.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES_MAX 1000000u

/* The number behind "KEY=" in the query, or 0. */
static unsigned long option(const struct enoki_call *call, const char *key)
{
    const char *at = strstr(enoki_call_query(call), key);

    return at == NULL ? 0 : strtoul(at + strlen(key), NULL, 10);
}

static int tell_headers(struct enoki_call *call, struct enoki_error *err)
{
    char text[8192] = "";
    const char *name, *value;
    size_t len = 0;

    for (size_t i = 0; (value = enoki_call_header_at(call, i, &name)) != NULL; i++) {
        int n = snprintf(text + len, sizeof(text) - len, "%s: %s\n", name, value);

        if (n < 0 || (size_t)n >= sizeof(text) - len)
            break;
        len += (size_t)n;
    }
    return enoki_call_reply(call, text, len, err);
}

static int pass_answer(struct enoki_call *call, const struct enoki_answer *answer,
                       struct enoki_error *err)
{
    const char *type = enoki_answer_content_type(answer);
    size_t len;
    const void *body = enoki_answer_body(answer, &len);
    int rc = enoki_call_reply(call, body, len, err);

    if (rc == 0)
        rc = enoki_call_reply_status(call, enoki_answer_status(answer), err);
    if (rc == 0 && type[0] != '\0')
        rc = enoki_call_reply_header(call, "Content-Type", type, err);
    return rc;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    struct enoki_invoke_options options = ENOKI_INVOKE_OPTIONS_INIT;
    const char *path = enoki_call_path(call);
    const char *end = path[0] == '\0' ? path : strchrnul(path + 1, '/');
    unsigned long times = option(call, "times=");
    struct enoki_answer *answer = NULL;
    char name[ENOKI_NAME_MAX + 1];
    int rc = 0;

    (void)instance;
    if (end - path < 2)
        return tell_headers(call, err);
    (void)snprintf(name, sizeof(name), "%.*s", (int)(end - path - 1), path + 1);
    options.method = enoki_call_method(call);
    options.path = end;
    options.body = enoki_call_body(call, &options.body_len);
    if (enoki_call_content_type(call)[0] != '\0')
        options.content_type = enoki_call_content_type(call);
    options.is_async = strstr(enoki_call_query(call), "async") != NULL;
    options.timeout_ms = option(call, "timeout=");
    for (unsigned long i = 0; rc == 0 && i < (times == 0 ? 1 : times) && i < TIMES_MAX; i++) {
        enoki_answer_free(answer);
        answer = NULL;
        rc = enoki_call_invoke(call, name, &options, &answer, err);
    }
    if (rc != 0)
        return rc;
    rc = pass_answer(call, answer, err);
    enoki_answer_free(answer);
    return rc;
}

ENOKI_FUNCTION(.invoke = invoke);
