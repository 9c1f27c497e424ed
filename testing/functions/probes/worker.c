/* worker - says which process and which thread answers, and how many calls this instance has had.
 */
#include <enoki/function.h>

#include <stdlib.h>
#include <unistd.h>

static int open_worker(const struct enoki_env *env, void **instance_out, struct enoki_error *err)
{
    *instance_out = calloc(1, sizeof(unsigned));
    enoki_env_log(env, ENOKI_LOG_INFO, "worker opened");
    return *instance_out != NULL ? 0 : enoki_error_set(err, ENOKI_ENOMEM, "no memory");
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    unsigned *calls = instance;

    ++*calls;
    return enoki_call_replyf(call, err, "pid=%d tid=%d calls=%u", (int)getpid(), (int)gettid(),
                             *calls);
}

ENOKI_FUNCTION(.open = open_worker, .invoke = invoke, .close = free);
