#include "variant.h"

VARIANT_EXPORT int enoki_call_from_the_future(struct enoki_call *call);

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    (void)err;
    return enoki_call_from_the_future(call);
}

ENOKI_FUNCTION(.invoke = invoke);
