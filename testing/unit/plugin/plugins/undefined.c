#include "variant.h"

VARIANT_EXPORT int helper_that_nobody_linked(void);

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    (void)call;
    (void)err;
    return helper_that_nobody_linked();
}

ENOKI_FUNCTION(.invoke = invoke);
