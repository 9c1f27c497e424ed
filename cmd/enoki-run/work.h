/*
 * work.h - the functions' working directories: one for each function, for itself alone, with its
 * temporary files, gone when the node stops or the function is removed.
 *
 * Threads  loop thread.
 */
#ifndef WORK_H
#define WORK_H

#include "identity.h"

struct work;

/* A folder of this process in where (NULL: $TMPDIR or /tmp). What processes that were killed have
 * left there is removed. ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int work_open(struct work **out, const char *where, struct enoki_error *err);
/* Removes all of it. NULL is allowed. */
void work_close(struct work *work);

/* The function's directory, made if it is not there, owned by the identity. out has room for
 * PATH_MAX. ENOKI_EIO */
ENOKI_MUST_CHECK int work_folder(const struct work *work, const char *name,
                                 const struct identity *identity, char *out,
                                 struct enoki_error *err);
void work_remove(const struct work *work, const char *name);

#endif
