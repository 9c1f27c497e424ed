#include "variant.h"

VARIANT_DECLARE(struct enoki_function) = {
    .abi = (ENOKI_FUNCTION_ABI_MAJOR + 1) << 16, .size = 8, .invoke = variant_invoke};
