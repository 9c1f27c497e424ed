#include <enoki/function.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len;
    const void *body = enoki_call_body(call, &len);
    return enoki_call_reply(call, body, len, err);
}

ENOKI_FUNCTION(.invoke = invoke);
