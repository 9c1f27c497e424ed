/* hang - "sleep MS" takes that long, "hold FOLDER" puts a file into the folder and takes until
 * there is one named "go" (testing/support/holding.py), "spin" uses a core for ever, "hang" sleeps
 * for ever; any other body is echoed at once. */
#include <enoki/function.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(unsigned long ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0)
        ;
}

/* It ends, too, with its folder: no test is left that would let it go. */
static int hold(const char *folder, struct enoki_error *err)
{
    char inside[4096], go[4096];
    int fd;

    (void)snprintf(inside, sizeof(inside), "%s/in-XXXXXX", folder);
    (void)snprintf(go, sizeof(go), "%s/go", folder);
    fd = mkstemp(inside);
    if (fd < 0)
        return enoki_error_set(err, ENOKI_EFUNCTION, "'%s' is no folder to write to", folder);
    (void)close(fd);
    while (access(go, F_OK) != 0 && access(inside, F_OK) == 0)
        sleep_ms(5);
    return 0;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len;
    const char *body = enoki_call_body(call, &len);

    (void)instance;
    if (strncmp(body, "sleep ", 6) == 0)
        sleep_ms(strtoul(body + 6, NULL, 10));
    if (strncmp(body, "hold ", 5) == 0 && hold(body + 5, err) != 0)
        return err->status;
    if (strcmp(body, "spin") == 0)
        for (volatile unsigned turns = 0;; turns = turns + 1)
            ;
    if (strcmp(body, "hang") == 0)
        for (;;)
            pause();
    return enoki_call_reply(call, body, len, err);
}

ENOKI_FUNCTION(.invoke = invoke);
