/* newerabi - built against a newer minor version, whose new member it leaves unused: loads. */
#include <enoki/function.h>

struct newer_function {
    struct enoki_function known;
    int (*resume)(void *instance);
};

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "newer");
}

extern const struct newer_function enoki_function __attribute__((visibility("default")));
const struct newer_function enoki_function = {
    .known = {.abi = ENOKI_FUNCTION_ABI + 1,
              .size = sizeof(struct newer_function),
              .invoke = invoke},
};
