#include "commands.h"

#include <enoki/base.h>

#include <argp.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"certs", certs_command, "make and look after TLS certificates"},
    {"keygroup", keygroup_command, "where FReD keeps a keygroup, and who may use it"},
    {"state", state_command, "look at and change a keygroup's items"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    (void)fprintf(out, "Usage: enoki COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(out, "\n`enoki COMMAND --help` lists what a command takes.\n"
                       "Exit status: 0, 1 for a failure, 2 for a usage error.\n");
}

int main(int argc, char **argv)
{
    argp_err_exit_status = 2;
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("enoki %s\n", enoki_version());
        return 0;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    (void)fprintf(stderr, "enoki: unknown command '%s'\n", argv[1]);
    print_usage(stderr);
    return 2;
}
