/*
 * package.h - a folder, a file or a ZIP becomes the ZIP that a node takes, by libzip.
 *
 * Memory   the package is the caller's.    Threads  any.
 */
#ifndef PACKAGE_H
#define PACKAGE_H

#include <enoki/error.h>

#include <stddef.h>

/* The node's own limits (cmd/enoki-run/package.h), told before anything is sent. */
#define PACKAGE_ENTRIES_MAX 10000u
#define PACKAGE_BYTES_MAX (256u << 20)

struct package {
    void *zip;
    size_t len;
    const char *env; /* guessed from what is in it; NULL: it does not tell */
    char name[256];  /* the path's last part without its suffix */
};

/*
 * A folder: all in it but what is hidden or named in its .enokiignore (a pattern on a line, as the
 * shell has them, for a path from the folder or for a name anywhere; '#' starts a comment). The
 * same content makes the same bytes, whenever and wherever. A file: fn.c, fn.py, ... whatever its
 * name.
 *
 * ENOKI_EINVAL: there is none, it is empty or of no kind that is known; ENOKI_ELIMIT: too much;
 * ENOKI_EIO, ENOKI_ENOMEM
 */
ENOKI_MUST_CHECK int package_make(struct package *out, const char *path, struct enoki_error *err);
void package_fini(struct package *package);

/* The values of env that a package may be guessed to have, and why: for --help. */
#define PACKAGE_KINDS                                                                              \
    "fn.py makes it python3, package.json nodejs, fn.host host, fn.sh binary, CMakeLists.txt or "  \
    "*.c c, *.so so"

#endif
