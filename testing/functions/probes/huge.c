/* huge - answers as many 'x' as the body says. */
#include <enoki/function.h>

#include <stdlib.h>
#include <string.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len = strtoul(enoki_call_body(call, NULL), NULL, 10);
    void *out;
    int rc = enoki_call_reply_buffer(call, len, &out, err);

    (void)instance;
    if (rc == 0)
        memset(out, 'x', len);
    return rc;
}

ENOKI_FUNCTION(.invoke = invoke);
