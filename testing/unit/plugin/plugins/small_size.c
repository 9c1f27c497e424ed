#include "variant.h"

VARIANT_DECLARE(struct enoki_function) = {
    .abi = ENOKI_FUNCTION_ABI, .size = 8, .invoke = variant_invoke};
