#include "client.h"
#include "commands.h"

#include <enoki/base.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTS_WORDS "init issue show check renew bundle"
#define KEYGROUP_WORDS "show replicate unreplicate delete grant revoke"
#define STATE_WORDS "get put del scan keys"

static const struct command commands[] = {
    {"deploy", deploy_command, &deploy_argp, "bring a function to a node", WORDS_FILES, NULL},
    {"list", list_command, &list_argp, "functions of a node", WORDS_NONE, NULL},
    {"describe", describe_command, &describe_argp, "all about one function", WORDS_FUNCTION, NULL},
    {"invoke", invoke_command, &invoke_argp, "call a function", WORDS_FUNCTION, NULL},
    {"logs", logs_command, &logs_argp, "what functions wrote", WORDS_FUNCTION, NULL},
    {"top", top_command, &top_argp, "what functions do, live", WORDS_NONE, NULL},
    {"rollback", rollback_command, &rollback_argp, "return to a function's version before",
     WORDS_FUNCTION, NULL},
    {"delete", delete_command, &delete_argp, "take a function off a node", WORDS_FUNCTION, NULL},
    {"wipe", wipe_command, &wipe_argp, "take all functions off a node", WORDS_NONE, NULL},
    {"dev", dev_command, &dev_argp, "run a function while it is written", WORDS_FILES, NULL},
    {"state", state_command, &state_argp, "look at and change a keygroup's items", WORDS_LIST,
     STATE_WORDS},
    {"keygroup", keygroup_command, &keygroup_argp,
     "where FReD keeps a keygroup, and who may use it", WORDS_LIST, KEYGROUP_WORDS},
    {"certs", certs_command, &certs_argp, "make and look after TLS certificates", WORDS_LIST,
     CERTS_WORDS},
    {"completion", completion_command, &completion_argp, "completion of words in bash and zsh",
     WORDS_LIST, "bash zsh"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct command *command_at(size_t index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* --- what is before the command -----------------------------------------------------------------
 */

struct start {
    struct client_options node;
    int at; /* of the command in argv; 0: none */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct start *start = state->input;

    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &start->node;
        return 0;
    case ARGP_KEY_ARG:
        start->at = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The commands, in front of the exit status. */
static char *list_commands(int key, const char *text, void *input)
{
    char *made = NULL;
    size_t len = 0;
    FILE *out;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    out = open_memstream(&made, &len);
    if (out == NULL)
        return (char *)(uintptr_t)text;
    (void)fprintf(out, "Commands:\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(out, "\n%s", text == NULL ? "" : text);
    return fclose(out) == 0 ? made : NULL;
}

static const struct argp start_argp = {
    NULL,
    parse,
    "COMMAND [ARGUMENT...]",
    "Deploys and watches functions of an Enoki node, calls them, and looks after state and "
    "certificates.\v`enoki COMMAND --help` lists what a command takes. Colours only on a terminal, "
    "and not with NO_COLOR.\n\nExit status: 0, 1 for a failure, 2 for a usage error.",
    client_children,
    list_commands,
    NULL,
};

static void print_version(FILE *out, struct argp_state *state)
{
    (void)state;
    (void)fprintf(out, "enoki %s\n", enoki_version());
}

/* An option of ours is a command's default. */
static int pass_on(const struct client_options *node)
{
    const struct {
        const char *name, *value;
    } all[] = {{"ENOKI_MANAGEMENT", node->url},
               {"ENOKI_TOKEN_FILE", node->token_file},
               {"ENOKI_CA", node->ca},
               {"ENOKI_CERT", node->certificate},
               {"ENOKI_KEY", node->key}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].value != NULL && setenv(all[i].name, all[i].value, 1) != 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static char name[64], help[] = "--help", program[] = "enoki";
    struct start start = {.at = 0};
    const struct command *command;

    argp_err_exit_status = 2;
    argp_program_version_hook = print_version;
    if (argc == 2 && strcmp(argv[1], "-h") == 0)
        argv[1] = help;
    if (argp_parse(&start_argp, argc, argv, ARGP_IN_ORDER, NULL, &start) != 0)
        return 2;
    if (start.at == 0) {
        argp_help(&start_argp, stderr, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, program);
        return 2;
    }
    if (strcmp(argv[start.at], "help") == 0) {
        if (start.at + 1 == argc)
            return argp_parse(&start_argp, 2, (char *[]){program, help, NULL}, 0, NULL, &start);
        argv[start.at] = argv[start.at + 1];
        argv[start.at + 1] = help;
    }
    command = command_find(argv[start.at]);
    if (command == NULL) {
        (void)fprintf(stderr, "enoki: unknown command '%s'; `enoki --help` lists them\n",
                      argv[start.at]);
        return 2;
    }
    if (pass_on(&start.node) != 0) {
        (void)fprintf(stderr, "enoki: no memory for the options\n");
        return 1;
    }
    (void)snprintf(name, sizeof(name), "enoki %s", command->name);
    argv[start.at] = name;
    return command->run(argc - start.at, argv + start.at);
}
