#include "config/keys.h"

#include "config/limits.h"

#include <stdio.h>
#include <string.h>

#define NODE(member) offsetof(struct en_file_node, member)
#define FUNCTION(member) offsetof(struct en_file_function, member)

/* Guessing compares short names only. */
#define GUESSED_MAX_BYTES 24u
#define GUESSED_MAX_EDITS 2u

#define LIMIT_ROW(group_, base, key_, unit_, member, min_, max_, initial_, help_)                  \
    {.group = (group_),                                                                            \
     .name = (key_),                                                                               \
     .kind = EN_KEY_NUMBER,                                                                        \
     .offset = (base) + offsetof(struct enoki_limits, member),                                     \
     .unit = EN_UNIT_##unit_,                                                                      \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .initial = (initial_),                                                                        \
     .help = (help_)},
#define NODE_LIMIT(key_, unit_, member, min_, max_, initial_, option, help_)                       \
    LIMIT_ROW(EN_GROUP_LIMITS, NODE(limits), key_, unit_, member, min_, max_, initial_, help_)
#define FUNCTION_LIMIT(key_, unit_, member, min_, max_, initial_, option, help_)                   \
    LIMIT_ROW(EN_GROUP_FUNCTION_LIMITS, FUNCTION(limits), key_, unit_, member, min_, max_, NULL,   \
              help_)
#define FUNCTION_KEY(key_, unit_, member, min_, max_, initial_, option, help_)                     \
    LIMIT_ROW(EN_GROUP_FUNCTION, FUNCTION(limits), key_, unit_, member, min_, max_, NULL, help_)
#define WORKERS_KEY(key_, unit_, member, min_, max_, initial_, option, help_)                      \
    LIMIT_ROW(EN_GROUP_WORKERS, FUNCTION(limits), key_, unit_, member, min_, max_, initial_, help_)

#define GROUP_ROW(group_, name_, inner_, help_)                                                    \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_GROUP, .inner = (inner_),               \
        .help = (help_)                                                                            \
    }
#define TEXT_ROW(group_, name_, offset_, initial_, help_)                                          \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_TEXT, .offset = (offset_),              \
        .initial = (initial_), .help = (help_)                                                     \
    }
#define WORD_ROW(group_, name_, offset_, words_, later_, initial_, help_)                          \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_WORD, .offset = (offset_),              \
        .words = (words_), .later = (later_), .initial = (initial_), .help = (help_)               \
    }
#define COUNT_ROW(group_, name_, offset_, min_, max_, help_)                                       \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_NUMBER, .offset = (offset_),            \
        .unit = EN_UNIT_COUNT, .min = (min_), .max = (max_), .help = (help_)                       \
    }
#define DAY_MS 86400000u
#define MAX_EXPIRY_MS 86400000u /* the longest duration that a file can say */
#define DURATION_ROW(group_, name_, offset_, min_, max_, help_)                                    \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_NUMBER, .offset = (offset_),            \
        .unit = EN_UNIT_DURATION, .min = (min_), .max = (max_), .help = (help_)                    \
    }
#define LATER_ROW(group_, name_)                                                                   \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_LATER                                   \
    }

static const struct en_key table[] = {
    TEXT_ROW(EN_GROUP_NODE, "node", NODE(node), "local",
             "This node's name in versions: letters, digits, '.', '_' and '-'"),
    GROUP_ROW(EN_GROUP_NODE, "state", EN_GROUP_STATE, "Where the functions' data is kept"),
    GROUP_ROW(EN_GROUP_NODE, "listen", EN_GROUP_LISTEN, "Where calls arrive"),
    GROUP_ROW(EN_GROUP_NODE, "log", EN_GROUP_LOG, "The log on standard error"),
    GROUP_ROW(EN_GROUP_NODE, "limits", EN_GROUP_LIMITS, "Bounds of every function's runtime"),
    {.group = EN_GROUP_NODE,
     .name = "functions",
     .kind = EN_KEY_FUNCTIONS,
     .inner = EN_GROUP_FUNCTION,
     .help = "The list ( {...}, {...} ) of the functions"},

    WORD_ROW(EN_GROUP_STATE, "backend", NODE(backend), "embedded fred", "", "embedded",
             "Who keeps the data"),
    TEXT_ROW(EN_GROUP_STATE, "path", NODE(path), "enoki-state",
             "Folder of the data, on FReD of the sessions; relative to the file's folder"),
    WORD_ROW(EN_GROUP_STATE, "durability", NODE(durability), "sync process", "", "sync",
             "Acknowledged writes survive power loss (sync) or the death of every process "
             "(process)"),
    {.group = EN_GROUP_STATE,
     .name = "max_value",
     .kind = EN_KEY_NUMBER,
     .offset = NODE(max_value),
     .unit = EN_UNIT_SIZE,
     .min = 1,
     .max = 4194304,
     .initial = "3000000",
     .help = "Longest value of an item"},
    {.group = EN_GROUP_STATE,
     .name = "nodes",
     .kind = EN_KEY_ADDRESSES,
     .offset = NODE(nodes),
     .help = "FReD: ( \"HOST:PORT\", ... ), this machine's node first; the others serve while it "
             "does not"},
    TEXT_ROW(EN_GROUP_STATE, "id", NODE(id), NULL,
             "FReD: the node's id; default: found in its list by the address"),
    TEXT_ROW(EN_GROUP_STATE, "tls", NODE(tls), NULL,
             "FReD: folder of ca.crt, USER.crt, USER.key; relative to the file's folder"),
    TEXT_ROW(EN_GROUP_STATE, "user", NODE(user), NULL, "FReD: who runs the functions"),
    TEXT_ROW(EN_GROUP_STATE, "admin", NODE(admin), NULL,
             "FReD: who creates keygroups and grants roles; default: user"),
    WORD_ROW(EN_GROUP_STATE, "stale", NODE(stale), "wait fail any", "", NULL,
             "FReD: a replica is behind the session: wait and look elsewhere (default), fail, or "
             "serve it marked"),
    DURATION_ROW(EN_GROUP_STATE, "expiry", NODE(expiry_ms), 1000, MAX_EXPIRY_MS,
                 "FReD: items are gone so long after a write; default: never"),
    DURATION_ROW(EN_GROUP_STATE, "timeout", NODE(timeout_ms), 1, DAY_MS,
                 "FReD: the longest that a state call takes; default 5s"),
    DURATION_ROW(EN_GROUP_STATE, "start", NODE(start_ms), 1, DAY_MS,
                 "FReD: how long a start waits for the node; default 15s"),

    TEXT_ROW(EN_GROUP_LISTEN, "http", NODE(http), "127.0.0.1:8000",
             "\"ADDRESS:PORT\" for HTTP; port 0: any free one"),
    LATER_ROW(EN_GROUP_LISTEN, "grpc"),
    LATER_ROW(EN_GROUP_LISTEN, "coap"),
    LATER_ROW(EN_GROUP_LISTEN, "management"),

    WORD_ROW(EN_GROUP_LOG, "format", NODE(log_format), "text json", "", "text",
             "Lines of key=value, or JSON lines"),
    WORD_ROW(EN_GROUP_LOG, "level", NODE(log_level), "error warn info debug", "", "info",
             "Lines that matter less are dropped"),

    EN_LIMITS(NODE_LIMIT) EN_WORKER_LIMITS(NODE_LIMIT)

        TEXT_ROW(EN_GROUP_FUNCTION, "name", FUNCTION(name), NULL,
                 "Required: letters and digits; the function is called at /NAME"),
    WORD_ROW(
        EN_GROUP_FUNCTION, "language", FUNCTION(language), "so python shell", "node", "so",
        "What the code is: so a shared library, python and shell a folder with fn.py or fn.sh"),
    TEXT_ROW(
        EN_GROUP_FUNCTION, "code", FUNCTION(code), NULL,
        "Path of the library or folder; relative to the file's folder; default NAME.so or NAME"),
    WORD_ROW(EN_GROUP_FUNCTION, "runtime", FUNCTION(runtime), "thread prefork process", "",
             "prefork", "Who runs the calls"),
    {.group = EN_GROUP_FUNCTION,
     .name = "workers",
     .kind = EN_KEY_WORKERS,
     .inner = EN_GROUP_WORKERS,
     .min = 1,
     .max = 4096,
     .help = "A number, or { min, max, idle } for as many as are needed; default: 64 threads, else "
             "the number of cores"},
    TEXT_ROW(EN_GROUP_FUNCTION, "keygroup", FUNCTION(keygroup), NULL,
             "Name of its data: letters and digits; default tinyFaaS and the function's name"),
    WORD_ROW(EN_GROUP_FUNCTION, "stale", FUNCTION(stale), "wait fail any", "", NULL,
             "Of this function's data: as state.stale"),
    DURATION_ROW(EN_GROUP_FUNCTION, "expiry", FUNCTION(expiry_ms), 1000, MAX_EXPIRY_MS,
                 "Of this function's data: as state.expiry"),
    {.group = EN_GROUP_FUNCTION,
     .name = "env",
     .kind = EN_KEY_VARIABLES,
     .help = "Variables for the function: NAME = \"value\""},
    GROUP_ROW(EN_GROUP_FUNCTION, "limits", EN_GROUP_FUNCTION_LIMITS,
              "Bounds of this function's runtime; default: the node's"),
    LATER_ROW(EN_GROUP_FUNCTION, "async"),
    EN_WORKER_LIMITS(FUNCTION_KEY)

        EN_LIMITS(FUNCTION_LIMIT)

            COUNT_ROW(EN_GROUP_WORKERS, "min", FUNCTION(workers_min), 0, 4096,
                      "As many are always there; default 0: none without calls"),
    COUNT_ROW(EN_GROUP_WORKERS, "max", FUNCTION(workers_max), 1, 4096,
              "Required: there are never more"),
    EN_IDLE_LIMITS(WORKERS_KEY)};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

const struct en_key *en_key_at(size_t index)
{
    return index < TABLE_COUNT ? &table[index] : NULL;
}

const struct en_key *en_key_find(enum en_group group, const char *name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (table[i].group == group && strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Letters to insert, remove or replace (Levenshtein), one row of the matrix at a time. */
static unsigned edits(const char *a, const char *b)
{
    unsigned row[GUESSED_MAX_BYTES + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > GUESSED_MAX_BYTES || b_len > GUESSED_MAX_BYTES)
        return UINT32_MAX;
    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned above = row[j];

            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const struct en_key *en_key_guess(enum en_group group, const char *name)
{
    const struct en_key *best = NULL;
    unsigned best_edits = GUESSED_MAX_EDITS + 1;

    for (size_t i = 0; i < TABLE_COUNT; i++) {
        unsigned count;

        if (table[i].group != group || table[i].kind == EN_KEY_LATER)
            continue;
        count = edits(name, table[i].name);
        /* Half of the letters at least must be right. */
        if (count < best_edits && count * 2 <= strlen(table[i].name)) {
            best = &table[i];
            best_edits = count;
        }
    }
    return best;
}

bool en_word_is_in(const char *word, const char *words)
{
    size_t len = strlen(word);
    const char *at = words;

    while (len > 0 && (at = strstr(at, word)) != NULL) {
        if ((at == words || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
        at += len;
    }
    return false;
}

int en_key_append_names(enum en_group group, struct en_buffer *out)
{
    const char *separator = "";
    int rc = 0;

    for (size_t i = 0; i < TABLE_COUNT && rc == 0; i++) {
        if (table[i].group != group || table[i].kind == EN_KEY_LATER)
            continue;
        rc = en_buffer_appendf(out, "%s%s", separator, table[i].name);
        separator = ", ";
    }
    return rc;
}

static const char *group_path(enum en_group group)
{
    switch (group) {
    case EN_GROUP_STATE:
        return "state.";
    case EN_GROUP_LISTEN:
        return "listen.";
    case EN_GROUP_LOG:
        return "log.";
    case EN_GROUP_LIMITS:
        return "limits.";
    case EN_GROUP_FUNCTION:
        return "functions[].";
    case EN_GROUP_FUNCTION_LIMITS:
        return "functions[].limits.";
    case EN_GROUP_WORKERS:
        return "functions[].workers.";
    case EN_GROUP_NODE:
    default:
        return "";
    }
}

void en_key_path(const struct en_key *key, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s", group_path(key->group), key->name);
}
