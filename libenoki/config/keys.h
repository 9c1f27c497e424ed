/*
 * keys.h - every key of a configuration file: one row each.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_KEYS_H
#define EN_KEYS_H

#include "base/buffer.h"
#include "config/units.h"

#include <enoki/config.h>

#include <stdbool.h>

/* The groups { } of a file, and who may stand in them. */
enum en_group {
    EN_GROUP_NODE, /* the file itself */
    EN_GROUP_STATE,
    EN_GROUP_LISTEN,
    EN_GROUP_LOG,
    EN_GROUP_LIMITS,
    EN_GROUP_FUNCTION,
    EN_GROUP_FUNCTION_LIMITS,
    EN_GROUP_WORKERS,
};

enum en_key_kind {
    EN_KEY_TEXT,      /* const char * */
    EN_KEY_WORD,      /* const char *, one of a list */
    EN_KEY_ADDRESSES, /* const char *: a list of texts, joined by commas */
    EN_KEY_NUMBER,    /* uint64_t with a unit */
    EN_KEY_GROUP,     /* a group of keys */
    EN_KEY_WORKERS,   /* a number, or the group of its bounds */
    EN_KEY_FUNCTIONS, /* the list of functions */
    EN_KEY_VARIABLES, /* a group of free names */
    EN_KEY_LATER,     /* known, not built in yet */
};

/* What the file says of the node, before it becomes settings. */
struct en_file_node {
    const char *node;
    const char *backend;
    const char *path;
    const char *durability;
    uint64_t max_value;
    const char *nodes; /* of FReD, as all to session; NULL and 0: not given */
    const char *id;
    const char *tls;
    const char *user;
    const char *admin;
    const char *stale;
    uint64_t expiry_ms;
    uint64_t timeout_ms;
    uint64_t start_ms;
    const char *http;
    const char *log_format;
    const char *log_level;
    struct enoki_limits limits;
};

/* The same of a function. */
struct en_file_function {
    const char *name;
    const char *language;
    const char *code;
    const char *runtime;
    const char *keygroup;
    const char *stale;
    uint64_t expiry_ms;
    uint64_t workers_min;
    uint64_t workers_max;
    struct enoki_limits limits;
    struct enoki_variable *variables;
    size_t variable_count;
};

struct en_key {
    enum en_group group; /* where it stands */
    const char *name;
    enum en_key_kind kind;
    size_t offset;       /* of its value in the struct of its group, or of that of inner */
    enum en_group inner; /* GROUP, WORKERS: what stands in it */
    enum en_unit unit;   /* NUMBER, with smallest and largest value */
    uint64_t min, max;
    const char *words;   /* WORD: what is allowed, between spaces */
    const char *later;   /* words that are not built in yet */
    const char *initial; /* the default as text; NULL: none, or told in help */
    const char *help;
};

/* The row of that index, or NULL behind the last. */
const struct en_key *en_key_at(size_t index);

/* NULL: there is no such key in the group. */
const struct en_key *en_key_find(enum en_group group, const char *name);

/* The key of the group that was probably meant, or NULL. */
const struct en_key *en_key_guess(enum en_group group, const char *name);

/* True if word is one of the words between spaces. */
bool en_word_is_in(const char *word, const char *words);

/* Appends "a, b, c": the keys of a group that can be used. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_key_append_names(enum en_group group, struct en_buffer *out);

/* "limits.body", "functions[].workers.min": how a key is written in messages and in the manual. */
void en_key_path(const struct en_key *key, char *out, size_t size);

#endif
