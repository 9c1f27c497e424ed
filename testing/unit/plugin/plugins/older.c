#include "variant.h"

VARIANT_DECLARE(struct variant_older) = {
    .abi = ENOKI_FUNCTION_ABI, .size = sizeof(struct variant_older), .invoke = variant_invoke};

/* Right behind it: must not be taken for the member that is missing. */
VARIANT_EXPORT const char older_guard[64];
const char older_guard[64] = "no pointer";
