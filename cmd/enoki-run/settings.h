/*
 * settings.h - what one function is run with: a copy that outlives the file it came from.
 *
 * Memory   one arena.    Threads  one thread at a time.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "base/buffer.h"
#include "config/arena.h"

#include <enoki/config.h>

#include <stdbool.h>

struct settings {
    struct enoki_function_settings function;
    const char *node;    /* this node's name */
    const char *state;   /* URI */
    const char *env;     /* of an upload: "python3", ...; NULL: from the file */
    const char *digest;  /* of an upload; NULL */
    const char *created; /* RFC 3339; NULL */
    uint64_t stamp;      /* stamp.h: of code and secrets, when they were read */
    const struct enoki_variable *remotes;
    size_t remote_count;
    const char *remotes_ca; /* NULL: the system's */
    bool must_prove; /* one runtime has to become ready before it may sleep */
    bool log_json;
    int log_level;
    struct en_arena arena;
};

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int settings_copy(struct settings **out, const struct enoki_node_settings *node,
                                   const struct enoki_function_settings *function);
void settings_free(struct settings *settings);

/* Both run the same in the same way. */
bool settings_equal(const struct settings *a, const struct settings *b);

/* The runtime's command line, NULL-terminated, in an arena, borrowing from settings: argv[0] is its
 * name. NULL: no memory. */
char **settings_argv(const struct settings *settings, struct en_arena *arena);

#endif
