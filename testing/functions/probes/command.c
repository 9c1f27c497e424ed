/* command - runs its body with the shell; replies how that ended: "signal 15" or "status 0". */
#include <enoki/function.h>

#include <stdlib.h>
#include <sys/wait.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    int status = system(enoki_call_body(call, NULL));

    (void)instance;
    if (status == -1)
        return enoki_error_set(err, ENOKI_EIO, "no process could be started");
    return WIFSIGNALED(status)
               ? enoki_call_replyf(call, err, "signal %d", WTERMSIG(status))
               : enoki_call_replyf(call, err, "status %d", WEXITSTATUS(status));
}

ENOKI_FUNCTION(.invoke = invoke);
