/* badabi - says it was built for the next, incompatible ABI: refused before anything is called. */
#include <enoki/function.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "not to be seen");
}

extern const struct enoki_function enoki_function __attribute__((visibility("default")));
const struct enoki_function enoki_function = {
    .abi = (ENOKI_FUNCTION_ABI_MAJOR + 1) << 16,
    .size = sizeof(struct enoki_function),
    .invoke = invoke,
};
