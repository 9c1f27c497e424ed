/* failing - fails with the body as its message, after it has set a reply that nobody must see. */
#include <enoki/function.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    int rc = enoki_call_replyf(call, err, "not to be seen");

    (void)instance;
    if (rc != 0)
        return rc;
    return enoki_error_set(err, ENOKI_EFUNCTION, "%s", (const char *)enoki_call_body(call, NULL));
}

ENOKI_FUNCTION(.invoke = invoke);
