#include "variant.h"

VARIANT_EXPORT int enoki_function(void);

int enoki_function(void)
{
    return variant_invoke(NULL, NULL, NULL);
}
