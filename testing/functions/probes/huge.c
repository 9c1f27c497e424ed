/* huge - answers as many 'x' as the body says; "LENGTH MS" waits that long before, "LENGTH MS C"
 * answers with that character. */
#include <enoki/function.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    char *at = NULL;
    size_t len = strtoul(enoki_call_body(call, NULL), &at, 10);
    unsigned long ms = strtoul(at, &at, 10);
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    void *out;
    int rc = enoki_call_reply_buffer(call, len, &out, err);

    (void)instance;
    while (ms > 0 && nanosleep(&left, &left) != 0)
        ;
    if (rc == 0)
        memset(out, at[0] == ' ' ? at[1] : 'x', len);
    return rc;
}

ENOKI_FUNCTION(.invoke = invoke);
