#include <enoki/config.h>

#include <stdio.h>

int main(void)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    struct enoki_config *config = NULL;
    if (enoki_config_load(&config, "node.conf", &err) != 0)
        fprintf(stderr, "%s\n", err.message);
    else
        printf("%zu functions\n", enoki_config_get(config)->function_count);
    enoki_config_free(config);
    return err.status != 0;
}
