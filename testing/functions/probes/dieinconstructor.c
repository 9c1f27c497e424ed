/* dieinconstructor - ends the process while its library is being loaded. */
#include <enoki/function.h>

#include <signal.h>

__attribute__((constructor)) static void die(void)
{
    raise(SIGKILL);
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "not to be seen");
}

ENOKI_FUNCTION(.invoke = invoke);
