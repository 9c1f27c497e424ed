#include "invoke/options.h"

#include <enoki/runtime.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside this program's own file first: a build folder or prefix uses its own runtimes. */
static void run_runtime(const char *program, char **argv)
{
    char path[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
    char *slash;

    if (len > 0) {
        path[len] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL) {
            (void)snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", program);
            (void)execv(path, argv);
            if (errno != ENOENT)
                return;
        }
    }
    (void)execvp(program, argv);
}

int enoki_runtime_launch(int argc, char **argv)
{
    struct en_options *options = NULL;
    char **passed = NULL;
    char program[64];
    int status = en_options_parse(&options, argc, argv, NULL);

    if (status != EN_OPTIONS_RUN)
        return status;
    (void)snprintf(program, sizeof(program), "enoki-%s", options->function->runtime);
    passed = calloc((size_t)argc + 1, sizeof(*passed));
    if (passed == NULL) {
        (void)fprintf(stderr, "%s: out of memory\n", argv[0]);
    } else {
        memcpy(passed, argv, (size_t)argc * sizeof(*passed));
        passed[0] = program;
        run_runtime(program, passed);
        (void)fprintf(stderr, "%s: '%s' cannot be started: %s: install it beside this program\n",
                      argv[0], program, strerrordesc_np(errno));
    }
    free(passed);
    en_options_free(options);
    return 1;
}
