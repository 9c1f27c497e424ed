/*
 * ignore.h - a folder's .enokiignore: what of it is not deployed.
 *
 * Threads  one.
 */
#ifndef IGNORE_H
#define IGNORE_H

#include <enoki/error.h>

#include <stdbool.h>

struct ignore {
    char *text; /* patterns, each NUL-terminated; NULL: none */
    size_t len;
};

/* No such file is no failure. ENOKI_EIO, ENOKI_ELIMIT, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int ignore_read(struct ignore *ignore, const char *folder,
                                 struct enoki_error *err);
void ignore_fini(struct ignore *ignore);
/* path is from the folder, without a slash at its end. */
bool ignore_has(const struct ignore *ignore, const char *path);

#endif
