/*
 * store.h - what was uploaded, on disk, so that a restart brings it back:
 *
 *   ROOT/NAME/VERSION/code/...     as it was unpacked and built
 *   ROOT/NAME/VERSION/meta.json    how it is run, 0600: variables may be secrets
 *   ROOT/NAME/current, previous    symbolic links to a VERSION, switched by rename
 *   ROOT/.cache/...                what installers have made (cache.h)
 *   ROOT/.staging/...              uploads in progress; emptied when the store is opened
 *
 * Threads  any thread, but one at a time for a name.
 */
#ifndef STORE_H
#define STORE_H

#include "settings.h"

/* What an upload says, beside the package. Texts are borrowed from whoever made it. */
struct deployment {
    const char *name;
    const char *env;
    const char *url;                   /* where the package comes from; NULL: it came along */
    const char *subfolder;             /* of the package, where the function is; "": all of it */
    const char *runtime;               /* NULL: prefork */
    uint32_t workers_min, workers_max; /* 0: the default */
    uint32_t instances_min, instances_max; /* 0: one */
    bool is_durable;                   /* accepted asynchronous calls are kept on disk */
    uint64_t timeout_ms;               /* 0: the default */
    struct enoki_variable *variables;
    size_t variable_count;
    struct enoki_variable *secrets; /* values are names of files in deploy.secrets */
    size_t secret_count;
    char version[65]; /* SHA-256 of package and settings, hexadecimal */
    char created[32]; /* RFC 3339 */
};

/* Makes the root if it is not there. ENOKI_EIO */
ENOKI_MUST_CHECK int store_open(const char *root, struct enoki_error *err);

/* An empty folder for an upload. out has room for PATH_MAX. */
ENOKI_MUST_CHECK int store_stage(const char *root, char *out, struct enoki_error *err);

/* Moves a staged folder (with code/ in it) to its place and writes meta.json; entry is the code's
 * path below code/, "" the folder itself. It is not current yet. */
ENOKI_MUST_CHECK int store_add(const char *root, const char *staged, const char *entry,
                               const struct deployment *deployment, struct enoki_error *err);

/* The version becomes the current one, durably; the one before, the previous one; older ones are
 * removed. */
ENOKI_MUST_CHECK int store_switch(const char *root, const char *name, const char *version,
                                  struct enoki_error *err);

/* "current" or "previous": its version; ENOKI_ENOTFOUND. out has room for 65 bytes. */
ENOKI_MUST_CHECK int store_version(const char *root, const char *name, const char *which, char *out,
                                   struct enoki_error *err);

/* Settings to run a version with, on this node. */
ENOKI_MUST_CHECK int store_load(struct settings **out, const char *root, const char *name,
                                const char *version, const struct enoki_node_settings *node,
                                struct enoki_error *err);

/* All of a function, or one version of it. */
void store_remove(const char *root, const char *name, const char *version);

/* A version that was added and does not count, and the function's folder if it is the only one. The
 * previous one, uploaded again in vain, stays: it is what a rollback returns to. */
void store_drop(const char *root, const char *name, const char *version);

/* Moves all of a function into .staging; out has room for PATH_MAX. ENOKI_EIO, ENOKI_ENOTFOUND */
ENOKI_MUST_CHECK int store_set_aside(const char *root, const char *name, char *out);

/* Calls fn for each name that has a current version. */
void store_each(const char *root, void (*fn)(void *context, const char *name), void *context);

#endif
