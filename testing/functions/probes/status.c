/* status - answers with the status that the body says, and its number as text. */
#include <enoki/function.h>

#include <stdlib.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    int status = atoi(enoki_call_body(call, NULL));
    int rc = enoki_call_reply_status(call, status, err);

    (void)instance;
    return rc != 0 ? rc : enoki_call_replyf(call, err, "status %d", status);
}

ENOKI_FUNCTION(.invoke = invoke);
