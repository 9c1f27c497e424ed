#include "variant.h"

VARIANT_DECLARE(struct enoki_function) = {
    .abi = ENOKI_FUNCTION_ABI, .size = 0x7fffffff, .invoke = variant_invoke};
