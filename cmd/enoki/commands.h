/*
 * commands.h - the subcommands of `enoki`: one file each. argv[0] is the subcommand's name; the
 * result is the exit status: 0, 1 for a failure, 2 for a usage error.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

int certs_command(int argc, char **argv);
int keygroup_command(int argc, char **argv);
int state_command(int argc, char **argv);

#endif
