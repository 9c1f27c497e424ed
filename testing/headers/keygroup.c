#include <enoki/keygroup.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    const char *uri = argc > 1 ? argv[1] : "embedded:./enoki-state";
    struct enoki_error err = ENOKI_ERROR_INIT;

    struct enoki_keygroup_info *info = NULL;
    if (enoki_keygroup_show(&info, uri, "tinyFaaSdemo", &err) == 0)
        printf("%zu replicas\n", info->replica_count);
    enoki_keygroup_info_free(info);
    if (err.status != 0)
        fprintf(stderr, "%s\n", err.message);
    return err.status == 0 ? 0 : 1;
}
