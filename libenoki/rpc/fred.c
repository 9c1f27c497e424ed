#include "rpc/fred.h"

int en_fred_api_load(const struct en_fred_api **out, struct enoki_error *err)
{
    const struct en_module *module = NULL;
    int rc = en_module_load(&module, "rpc", err);

    if (rc == 0)
        *out = (const struct en_fred_api *)(const void *)module;
    return rc;
}
