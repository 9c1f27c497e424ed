/* held - counts its calls and, if the body is "hold", waits until the test lets it go. The test
 * program has the functions below. */
#include <enoki/function.h>

#include <string.h>

extern void held_opened(void);
extern void held_called(const char *body);

static int open_worker(const struct enoki_env *env, void **instance_out, struct enoki_error *err)
{
    (void)env;
    (void)err;
    held_opened();
    *instance_out = NULL;
    return 0;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len;
    const char *body = enoki_call_body(call, &len);

    (void)instance;
    held_called(body);
    return enoki_call_reply(call, body, len, err);
}

ENOKI_FUNCTION(.open = open_worker, .invoke = invoke);
