/*
 * copy.h - a copy of a folder with all that is in it.
 *
 * Threads  one at a time in a process: nftw() has no place for a context.
 */
#ifndef COPY_H
#define COPY_H

#include <enoki/error.h>

/* Copies from to the new folder to: files, folders and links, with their modes; what else there is
 * makes it fail. After a failure the
 * caller removes what is there. ENOKI_EIO, ENOKI_ELIMIT (a path is too long) */
ENOKI_MUST_CHECK int copy_tree(const char *from, const char *to, struct enoki_error *err);

#endif
