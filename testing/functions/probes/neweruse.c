/* neweruse - built against a newer minor version, whose new member it uses: refused. */
#include <enoki/function.h>

struct newer_function {
    struct enoki_function known;
    int (*resume)(void *instance);
};

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "not to be seen");
}

static int resume(void *instance)
{
    (void)instance;
    return 0;
}

extern const struct newer_function enoki_function __attribute__((visibility("default")));
const struct newer_function enoki_function = {
    .known = {.abi = ENOKI_FUNCTION_ABI + 1,
              .size = sizeof(struct newer_function),
              .invoke = invoke},
    .resume = resume,
};
