/* hang - "sleep MS" takes that long, "spin" uses a core for ever, "hang" sleeps for ever; any other
 * body is echoed at once. */
#include <enoki/function.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len;
    const char *body = enoki_call_body(call, &len);

    (void)instance;
    if (strncmp(body, "sleep ", 6) == 0) {
        unsigned long ms = strtoul(body + 6, NULL, 10);
        struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
        while (nanosleep(&left, &left) != 0)
            ;
    }
    if (strcmp(body, "spin") == 0)
        for (volatile unsigned turns = 0;; turns = turns + 1)
            ;
    if (strcmp(body, "hang") == 0)
        for (;;)
            pause();
    return enoki_call_reply(call, body, len, err);
}

ENOKI_FUNCTION(.invoke = invoke);
