/*
 * cache.h - what installers have made, kept by what it was made of:
 *
 *   ROOT/.cache/KEY/...    a whole folder, as the installer left it
 *
 * An entry is there whole or not at all, after a crash too. Functions get copies, so that none can
 * change what others will get.
 *
 * Threads  one at a time.
 */
#ifndef CACHE_H
#define CACHE_H

#include <enoki/error.h>

/* Entries beyond are removed, those that were not used for longest first. */
#define CACHE_ENTRIES_MAX 32u

/* Copies the entry to the new folder to. ENOKI_ENOTFOUND: there is none; ENOKI_EIO */
ENOKI_MUST_CHECK int cache_take(const char *root, const char *key, const char *to,
                                struct enoki_error *err);

/* Makes an entry that is a copy of the folder. ENOKI_EIO: it is not kept, nothing else. */
ENOKI_MUST_CHECK int cache_keep(const char *root, const char *key, const char *from,
                                struct enoki_error *err);

#endif
