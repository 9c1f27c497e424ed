/*
 * commands.h - the subcommands of `enoki`: one file each, and what each takes, for --help, manual
 * pages and completion. argv[0] is the name that messages start with, "enoki state"; the result is
 * the exit status: 0, 1 for a failure, 2 for a usage error.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <argp.h>
#include <stddef.h>

#define EXIT_STATUS "\vExit status: 0, 1 for a failure, 2 for a usage error."
/* How long a node may take for a short answer. */
#define ANSWER_LIMIT_MS 10000L

/* What the words of a command line are, for completion. */
enum words { WORDS_NONE, WORDS_FUNCTION, WORDS_FILES, WORDS_LIST };

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const struct argp *argp;
    const char *help; /* one line, also the manual's */
    enum words words;
    const char *list; /* WORDS_LIST: the first word is one of these */
};

/* In the order of --help. */
const struct command *command_at(size_t index); /* NULL: there is none */
const struct command *command_find(const char *name);

int certs_command(int argc, char **argv);
int completion_command(int argc, char **argv);
int delete_command(int argc, char **argv);
int deploy_command(int argc, char **argv);
int describe_command(int argc, char **argv);
int dev_command(int argc, char **argv);
int invoke_command(int argc, char **argv);
int keygroup_command(int argc, char **argv);
int list_command(int argc, char **argv);
int logs_command(int argc, char **argv);
int rollback_command(int argc, char **argv);
int state_command(int argc, char **argv);
int top_command(int argc, char **argv);
int wipe_command(int argc, char **argv);

extern const struct argp certs_argp, completion_argp, delete_argp, deploy_argp, describe_argp,
    dev_argp, invoke_argp, keygroup_argp, list_argp, logs_argp, rollback_argp, state_argp, top_argp,
    wipe_argp;

#endif
