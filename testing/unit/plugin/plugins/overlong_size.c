#include "variant.h"

VARIANT_DECLARE(struct enoki_function) = {.abi = ENOKI_FUNCTION_ABI,
                                          .size = sizeof(struct enoki_function) + 64,
                                          .invoke = variant_invoke};
