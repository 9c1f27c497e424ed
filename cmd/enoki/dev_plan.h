/*
 * dev_plan.h - what `enoki dev` runs: how a file or folder becomes code for enoki-run, and where
 * everything is kept:
 *
 *   FOLDER/node.conf     for enoki-run -c, written anew for every version
 *   FOLDER/state/        the function's items, kept from one `enoki dev` to the next
 *   FOLDER/socket        the management API
 *   FOLDER/build/N[.so]  version N: a library, or a folder that leads to the sources
 *
 * Threads  one.
 */
#ifndef DEV_PLAN_H
#define DEV_PLAN_H

#include <enoki/error.h>

#include <limits.h>
#include <stddef.h>

struct dev_options {
    const char *path;   /* of the function */
    const char *name;   /* NULL: of the path */
    const char *folder; /* NULL: .enoki-dev/NAME here */
    const char *listen, *runtime, *workers;
    const char **variables; /* "K=V" */
    size_t variable_count;
};

struct dev_kind;

struct dev_plan {
    const struct dev_options *options;
    const struct dev_kind *kind;
    char name[256];
    char source[PATH_MAX];  /* absolute, of the file or folder */
    char watched[PATH_MAX]; /* the folder whose changes matter */
    char folder[PATH_MAX];
    unsigned version;         /* that is built, or was last */
    unsigned current, before; /* that node.conf had last, and had before; 0: none */
};

/* Makes the folders, empties build/. ENOKI_EINVAL: it is no function; ENOKI_EIO */
ENOKI_MUST_CHECK int dev_plan_make(struct dev_plan *plan, const struct dev_options *options,
                                   struct enoki_error *err);

/* The command of a shell, to be run in the watched folder, that builds the plan's version; and the
 * variables that it needs, to be set in the environment while it is started. */
const char *dev_plan_script(const struct dev_plan *plan);
ENOKI_MUST_CHECK int dev_plan_set_environment(const struct dev_plan *plan, struct enoki_error *err);
void dev_plan_clear_environment(void);

/* Changes in folders below the watched one matter too. */
int dev_plan_is_deep(const struct dev_plan *plan);
/* A change of such a file, by its path from the watched folder, makes a new version. */
int dev_plan_wants(const struct dev_plan *plan, const char *path);

/* Points node.conf to the plan's version, and forgets what is older than the one before. */
ENOKI_MUST_CHECK int dev_plan_switch(struct dev_plan *plan, struct enoki_error *err);

#endif
