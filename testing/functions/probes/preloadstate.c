/* preloadstate - asks for state in preload, which is refused, and answers what it was told. */
#include <enoki/function.h>

static struct enoki_error refusal;

static int preload(const struct enoki_env *env, struct enoki_error *err)
{
    struct enoki_state *state;

    if (enoki_env_state(env, &state, &refusal) != ENOKI_EINVAL)
        return enoki_error_set(err, ENOKI_EFUNCTION, "state was handed out in preload");
    return 0;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "%s", refusal.message);
}

ENOKI_FUNCTION(.preload = preload, .invoke = invoke);
