/* crash - ends its process in the way the body says; echoes any other body. */
#include <enoki/function.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len;
    const char *body = enoki_call_body(call, &len);

    (void)instance;
    /* SIGKILL: no handler, sanitizer or core file gets in between. */
    if (strcmp(body, "crash") == 0)
        raise(SIGKILL);
    if (strcmp(body, "abort") == 0)
        abort();
    if (strcmp(body, "exit") == 0)
        _exit(3);
    return enoki_call_reply(call, body, len, err);
}

ENOKI_FUNCTION(.invoke = invoke);
