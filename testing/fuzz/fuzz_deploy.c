/* Any bytes as the JSON of an upload: taken, or refused with a reason, never a fault. The first
 * byte says whether the package is to come from a URL. */
#include "deploy.h"

#include "config/check.h"

#include <stdlib.h>
#include <string.h>

#define INPUT_MAX_BYTES 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct deploy_request *request, bool by_url)
{
    const void *zip;
    size_t len;
    const struct deployment *deployment = deploy_get(request, &zip, &len);

    if (en_check_function_name(deployment->name) != NULL || deployment->env == NULL ||
        by_url != (deployment->url != NULL) || by_url != (strlen(deployment->version) == 0) ||
        deployment->workers_min > deployment->workers_max)
        abort();
    for (size_t i = 0; i < deployment->variable_count; i++) {
        if (en_check_variable_name(deployment->variables[i].name) != NULL)
            abort();
    }
    for (size_t i = 0; i < deployment->secret_count; i++) {
        if (strchr(deployment->secrets[i].value, '/') != NULL)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct deploy_request *request = NULL;
    bool by_url = size > 0 && data[0] == 'u';
    char *text;
    int rc;

    if (size == 0 || size > INPUT_MAX_BYTES)
        return 0;
    text = malloc(size); /* of its very length: what reads behind it is seen */
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    rc = deploy_parse(&request, text, size - 1, by_url, &err);
    if (rc == 0)
        check(request, by_url);
    else if (err.message[0] == '\0' || request != NULL)
        abort();
    deploy_free(request);
    free(text);
    return 0;
}
