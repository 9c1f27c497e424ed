#include "invoke/launch.h"

#include "invoke/beside.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void run_runtime(const char *program, char **argv)
{
    char path[PATH_MAX];

    if (en_beside(path, program)) {
        (void)execv(path, argv);
        if (errno != ENOENT)
            return;
    }
    (void)execvp(program, argv);
}

int en_launch(struct en_options *options, int argc, char **argv)
{
    char **passed = NULL;
    char program[64];

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
