/* unresolved - needs a symbol that no library has: refused. */
#include <enoki/function.h>

extern int symbol_of_a_library_that_was_not_linked(void);

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    (void)instance;
    return enoki_call_replyf(call, err, "%d", symbol_of_a_library_that_was_not_linked());
}

ENOKI_FUNCTION(.invoke = invoke);
