#include "variant.h"

VARIANT_EXPORT int exported_by_accident(void);

int exported_by_accident(void)
{
    return variant_invoke(NULL, NULL, NULL);
}
