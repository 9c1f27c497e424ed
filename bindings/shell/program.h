/*
 * program.h - one run of a program: its input given, its output and errors taken together.
 *
 * Threads  any thread.    Fork  after it too.
 */
#ifndef ENOKI_SHELL_PROGRAM_H
#define ENOKI_SHELL_PROGRAM_H

#include <enoki/error.h>

struct program {
    const char *path;
    const char *directory;    /* it runs there */
    const char *const *words; /* its environment, "NAME=VALUE"; ends with NULL */
    const void *input;
    size_t input_len;
    size_t output_max;
    int64_t within_ms; /* then it is killed, with all that it started and did not detach */
};

struct program_output {
    char *bytes; /* the caller's to free() */
    size_t len;
    int status; /* as waitpid() gives it */
};

/*
 * Runs it to its end. It dies with the thread that runs it, too.
 *
 * ENOKI_EIO       it cannot be started
 * ENOKI_ETIMEOUT  it took too long
 * ENOKI_ELIMIT    it wrote more than output_max; ENOKI_ENOMEM
 */
ENOKI_MUST_CHECK int program_run(const struct program *program, struct program_output *out,
                                 struct enoki_error *err);

#endif
