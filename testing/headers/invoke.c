#include <enoki/invoke.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    struct enoki_invoke_options options = ENOKI_INVOKE_OPTIONS_INIT;
    struct enoki_answer *answer = NULL;
    size_t len;
    const void *body;
    int rc;

    options.body = enoki_call_body(call, &options.body_len);
    rc = enoki_call_invoke(call, "echo", &options, &answer, err);
    if (rc != 0)
        return rc;
    body = enoki_answer_body(answer, &len);
    rc = enoki_call_reply(call, body, len, err);
    enoki_answer_free(answer);
    return rc;
}

ENOKI_FUNCTION(.invoke = invoke);
