#include "confine.h"
#include "node.h"

#include "base/heap.h"
#include "invoke/launch.h"

/* Calls over gRPC and CoAP come to a front door: here one with this function alone, which nobody
 * manages. */
static int run_behind_door(struct en_options *options)
{
    options->node.listen_management = NULL;
    options->node.management_socket = NULL;
    options->node.deploy_path = NULL;
    if (options->file == NULL)
        options->node.isolation_shared = 1; /* whoever started it, as without a front door */
    return node_run(options, NULL);
}

int main(int argc, char **argv)
{
    struct en_options *options = NULL;
    int status = en_options_parse(&options, argc, argv, NULL);

    if (status != EN_OPTIONS_RUN)
        return status;
    en_heap_keep(); /* a front door's: a runtime is another program */
    if (options->function == NULL)
        return node_run(options, options->file);
    if (options->node.listen_grpc != NULL || options->node.listen_coap != NULL)
        return run_behind_door(options);
    /* One function needs no front door: this process becomes its runtime. */
    if (options->function->user != NULL || options->function->seccomp != NULL)
        return confine_launch(options, argc, argv);
    return en_launch(options, argc, argv);
}
