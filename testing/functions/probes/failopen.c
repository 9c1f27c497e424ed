/* failopen - its open fails, so no worker starts. */
#include <enoki/function.h>

static int open_nothing(const struct enoki_env *env, void **instance_out, struct enoki_error *err)
{
    (void)env;
    (void)instance_out;
    return enoki_error_set(err, ENOKI_EFUNCTION, "the licence has run out");
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "not to be seen");
}

ENOKI_FUNCTION(.open = open_nothing, .invoke = invoke);
