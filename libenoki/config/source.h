/*
 * source.h - one file being read: where a fault is, and single values of it.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_SOURCE_H
#define EN_SOURCE_H

#include "config/arena.h"
#include "config/keys.h"

#include <libconfig.h>

struct en_source {
    const char *path;       /* for messages */
    const char *folder;     /* relative paths start here; "" is the current one */
    struct en_arena *arena; /* all that is kept */
    struct enoki_error *err;
};

/* Sets "FILE:LINE: KEY: ..." and returns ENOKI_ECONFIG. */
int en_source_fail(const struct en_source *source, const config_setting_t *setting,
                   const char *format, ...) ENOKI_PRINTF(3, 4);
int en_source_no_memory(const struct en_source *source);

/* Reads the value of a key of the kinds TEXT, WORD, SWITCH and NUMBER into base + key->offset.
 * ENOKI_ECONFIG, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_source_value(const struct en_source *source, const struct en_key *key,
                                     const config_setting_t *setting, void *base);

/* Checks one text of a group, if the file gives it; the setting says where. ENOKI_ECONFIG */
ENOKI_MUST_CHECK int en_source_check(const struct en_source *source, const config_setting_t *group,
                                     const char *name, const char *(*check)(const char *text));

/* The path as seen from the file's folder; NULL without memory. */
const char *en_source_path(const struct en_source *source, const char *path);

/* The same; NULL stays NULL. *failed becomes true without memory. */
const char *en_source_optional_path(const struct en_source *source, const char *path, bool *failed);

/* "a list", "a text", ...: what a setting is, for messages. */
const char *en_source_type(const config_setting_t *setting);

#endif
