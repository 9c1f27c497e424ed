#include "variant.h"

VARIANT_DECLARE(struct variant_newer) = {.known = {.abi = VARIANT_NEWER_MINOR,
                                                   .size = sizeof(struct variant_newer),
                                                   .invoke = variant_invoke}};
