/*
 * confine.h - what stands between this process and a program of a function: enoki-confine, with the
 * function's user, its working directory and what it may ask of the kernel.
 *
 * Threads  any thread; blocks on the disk.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include "identity.h"
#include "work.h"

#include "invoke/options.h"

/* The longest that is put in front of a command line. */
#define CONFINE_WORDS_MAX 32u

struct spawned;

struct confine {
    struct en_arena arena;
    const char *words[CONFINE_WORDS_MAX];
    size_t count;
    struct identity identity;
};

/* For a runtime with these settings: finds its user, makes its folders. work NULL: it works where
 * this process does. Also after a failure: confine_fini().
 * What identity_find() and work_folder() return */
ENOKI_MUST_CHECK int confine_runtime(struct confine *confine, const struct work *work,
                                     const struct enoki_node_settings *node,
                                     const struct settings *settings, struct enoki_error *err);

/* For a step that makes a package of that function ready, in a folder that is given to its user.
 * ENOKI_ENOMEM */
ENOKI_MUST_CHECK int confine_step(struct confine *confine, const struct identity *identity,
                                  const char *folder);

/* The words, then argv, in the arena. NULL: no memory. */
char **confine_argv(struct confine *confine, char *const *argv);

/* Starts a runtime with these settings so. What confine_runtime() and spawn_runtime() return */
ENOKI_MUST_CHECK int confine_spawn(struct spawned *out, const struct work *work,
                                   const struct enoki_node_settings *node,
                                   const struct settings *settings, struct enoki_error *err);

/* enoki-run for one function that is run as another user, or with other system calls: this process
 * becomes its runtime. Returns the exit status, only if it cannot. options is consumed. */
int confine_launch(struct en_options *options, int argc, char **argv);

void confine_fini(struct confine *confine);

#endif
