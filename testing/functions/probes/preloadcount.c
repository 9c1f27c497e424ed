/* preloadcount - answers how often preload ran in the process that answers, and in which it ran. */
#include <enoki/function.h>

#include <unistd.h>

/* Written in preload only, which runs before there are threads. */
static int preloads, preload_pid;

static int preload(const struct enoki_env *env, struct enoki_error *err)
{
    (void)env;
    (void)err;
    preloads++;
    preload_pid = (int)getpid();
    return 0;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "preloads=%d preloaded_in=%d pid=%d", preloads, preload_pid,
                             (int)getpid());
}

ENOKI_FUNCTION(.preload = preload, .invoke = invoke);
