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
    EN_GROUP_TLS,
    EN_GROUP_DEPLOY,
    EN_GROUP_ISOLATION,
    EN_GROUP_LOG,
    EN_GROUP_ASYNC,
    EN_GROUP_LIMITS,
    EN_GROUP_FUNCTION,
    EN_GROUP_FUNCTION_LIMITS,
    EN_GROUP_WORKERS,
    EN_GROUP_INSTANCES,
};

enum en_key_kind {
    EN_KEY_TEXT,      /* const char * */
    EN_KEY_WORD,      /* const char *, one of a list */
    EN_KEY_SWITCH,    /* bool: true or false */
    EN_KEY_ADDRESSES, /* const char *: a list of texts, joined by commas */
    EN_KEY_LINES,     /* const char *: a list of texts, joined by newlines */
    EN_KEY_NUMBER,    /* uint64_t with a unit */
    EN_KEY_GROUP,     /* a group of keys */
    EN_KEY_RANGE,     /* a number, or the group of its bounds: struct en_file_range */
    EN_KEY_FUNCTIONS, /* the list of functions */
    EN_KEY_VARIABLES, /* struct en_file_variables: a group of free names */
    EN_KEY_REMOTES,   /* struct en_file_variables: a list of "NAME=URL" */
    EN_KEY_SECCOMP,   /* const char *: a word, or a list of syscalls, joined by commas */
    EN_KEY_LATER,     /* known, not built in yet */
};

/* min = max for a plain number; max 0: not given. */
struct en_file_range {
    uint64_t min;
    uint64_t max;
};

/* The value of a group of free names, or of a list of remotes. */
struct en_file_variables {
    struct enoki_variable *list;
    size_t count;
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
    const char *grpc;
    const char *coap;
    const char *coap_psk;
    const char *management;
    const char *tls_certificate; /* of the listeners; NULL: not given */
    const char *tls_key;
    const char *tls_ca;
    const char *management_socket;
    const char *deploy_path;
    const char *urls;
    const char *secrets;
    const char *local;
    const char *token;
    const char *deploy_ca;
    const char *users;
    uint64_t first_user;
    uint64_t user_count;
    const char *work;
    const char *log_format;
    const char *log_level;
    bool log_access;
    const char *log_path;
    uint64_t log_max_bytes;
    uint64_t log_keep;
    const char *async_path;
    uint64_t async_max_bytes;
    const char *compat;
    struct en_file_variables remotes;
    const char *remotes_ca;
    struct enoki_limits limits;
    uint64_t max_bodies_bytes;
};

/* The same of a function. */
struct en_file_function {
    const char *name;
    const char *language;
    const char *code;
    const char *runtime;
    const char *keygroup;
    const char *stale;
    const char *compat; /* NULL: the node's */
    uint64_t expiry_ms;
    struct en_file_range workers;
    struct en_file_range instances;
    uint64_t instances_idle_ms;
    uint64_t concurrency;
    const char *async;
    const char *user;
    const char *group;
    const char *seccomp;
    struct enoki_limits limits;
    struct en_file_variables variables;
    struct en_file_variables secrets;
};

struct en_key {
    enum en_group group; /* where it stands */
    const char *name;
    enum en_key_kind kind;
    size_t offset;       /* of its value in the struct of its group, or of that of inner */
    enum en_group inner; /* GROUP, RANGE: what stands in it */
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
