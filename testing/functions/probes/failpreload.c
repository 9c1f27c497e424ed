/* failpreload - its preload fails, so no runtime starts. */
#include <enoki/function.h>

static int preload(const struct enoki_env *env, struct enoki_error *err)
{
    (void)env;
    return enoki_error_set(err, ENOKI_EFUNCTION, "the table of tides is missing");
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "not to be seen");
}

ENOKI_FUNCTION(.preload = preload, .invoke = invoke);
