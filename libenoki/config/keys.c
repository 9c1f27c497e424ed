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
#define SWITCH_ROW(group_, name_, offset_, initial_, help_)                                        \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_SWITCH, .offset = (offset_),            \
        .initial = (initial_), .help = (help_)                                                     \
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
#define SIZE_ROW(group_, name_, offset_, min_, max_, initial_, help_)                              \
    {                                                                                              \
        .group = (group_), .name = (name_), .kind = EN_KEY_NUMBER, .offset = (offset_),            \
        .unit = EN_UNIT_SIZE, .min = (min_), .max = (max_), .initial = (initial_), .help = (help_) \
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
    GROUP_ROW(EN_GROUP_NODE, "deploy", EN_GROUP_DEPLOY, "Functions that are uploaded"),
    GROUP_ROW(EN_GROUP_NODE, "isolation", EN_GROUP_ISOLATION,
              "What keeps functions from each other and from the node"),
    GROUP_ROW(EN_GROUP_NODE, "log", EN_GROUP_LOG, "The log on standard error"),
    WORD_ROW(EN_GROUP_NODE, "compat", NODE(compat), "none tinyfaas", "", "none",
             "tinyfaas: what a function answers is a success whatever its status, as callers of "
             "tinyFaaS expect"),
    GROUP_ROW(EN_GROUP_NODE, "async", EN_GROUP_ASYNC,
              "Asynchronous calls that survive a crash of the node"),
    GROUP_ROW(EN_GROUP_NODE, "limits", EN_GROUP_LIMITS, "Bounds of every function's runtime"),
    {.group = EN_GROUP_NODE,
     .name = "remotes",
     .kind = EN_KEY_REMOTES,
     .offset = NODE(remotes),
     .help =
         "Functions elsewhere: ( \"NAME=http://HOST:PORT/NAME\", ... ); who calls NAME calls that"},
    TEXT_ROW(EN_GROUP_NODE, "remotes_ca", NODE(remotes_ca), NULL,
             "PEM file of CAs whose certificates remotes with https:// may show; relative to the "
             "file's folder; default: those of the system"),
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
    TEXT_ROW(EN_GROUP_LISTEN, "grpc", NODE(grpc), NULL,
             "\"ADDRESS:PORT\" for gRPC, tinyFaaS's service; default: none"),
    TEXT_ROW(EN_GROUP_LISTEN, "coap", NODE(coap), NULL,
             "\"ADDRESS:PORT\" for CoAP over UDP; default: none"),
    TEXT_ROW(EN_GROUP_LISTEN, "coap_psk", NODE(coap_psk), NULL,
             "File of IDENTITY:HEXKEY lines, readable by its owner only: CoAP over DTLS alone, for "
             "who has one of the keys; relative to the file's folder"),
    TEXT_ROW(EN_GROUP_LISTEN, "management", NODE(management), NULL,
             "\"ADDRESS:PORT\" for the management API; default: none"),
    GROUP_ROW(EN_GROUP_LISTEN, "tls", EN_GROUP_TLS,
              "TLS on http, on grpc, and on a management address that is not loopback"),

    TEXT_ROW(EN_GROUP_TLS, "certificate", NODE(tls_certificate), NULL,
             "Required: PEM file of the certificate, and of those between it and its CA; relative "
             "to the file's folder"),
    TEXT_ROW(EN_GROUP_TLS, "key", NODE(tls_key), NULL,
             "Required: PEM file of its key, readable by its owner only"),
    TEXT_ROW(EN_GROUP_TLS, "ca", NODE(tls_ca), NULL,
             "PEM file of CAs: who calls must show a certificate that one of them signed; default: "
             "anybody may"),
    TEXT_ROW(EN_GROUP_LISTEN, "management_socket", NODE(management_socket), NULL,
             "Path of a Unix socket for the same, without a token: for root and the node's user; "
             "relative to the file's folder"),

    TEXT_ROW(EN_GROUP_DEPLOY, "path", NODE(deploy_path), "enoki-functions",
             "Folder of what was uploaded; relative to the file's folder"),
    TEXT_ROW(EN_GROUP_DEPLOY, "token", NODE(token), NULL,
             "File of the token that the management API asks for, which not every user may read; "
             "required where it does not "
             "listen on loopback"),
    TEXT_ROW(EN_GROUP_DEPLOY, "ca", NODE(deploy_ca), NULL,
             "PEM file of CAs: who manages over TLS must show a certificate that one of them "
             "signed; does instead of a token"),
    WORD_ROW(EN_GROUP_DEPLOY, "local", NODE(local), "user anyone", "", "user",
             "Who may manage over loopback without a token: root and the node's user, or every "
             "user and function of this machine"),
    {.group = EN_GROUP_DEPLOY,
     .name = "urls",
     .kind = EN_KEY_LINES,
     .offset = NODE(urls),
     .help = "What the URLs of /uploadURL may start with: ( \"https://example.org/\", ... ); "
             "default: nothing is fetched"},
    TEXT_ROW(EN_GROUP_DEPLOY, "secrets", NODE(secrets), "enoki-secrets",
             "Folder of the files that an upload may name as secrets; relative to the file's "
             "folder"),

    WORD_ROW(EN_GROUP_ISOLATION, "users", NODE(users), "own shared", "", "own",
             "Started as root, each function runs as a user of its own; shared: as the node does"),
    {.group = EN_GROUP_ISOLATION,
     .name = "first_user",
     .kind = EN_KEY_NUMBER,
     .offset = NODE(first_user),
     .unit = EN_UNIT_COUNT,
     .min = 1000,
     .max = 2000000000,
     .initial = "200000",
     .help = "Smallest number of such a user and its group; no accounts are needed"},
    {.group = EN_GROUP_ISOLATION,
     .name = "user_count",
     .kind = EN_KEY_NUMBER,
     .offset = NODE(user_count),
     .unit = EN_UNIT_COUNT,
     .min = 1,
     .max = 100000000,
     .initial = "50000",
     .help = "So many numbers are for them"},
    TEXT_ROW(EN_GROUP_ISOLATION, "work", NODE(work), NULL,
             "Folder in which each function gets a working directory; relative to the file's "
             "folder; default $TMPDIR or /tmp"),

    WORD_ROW(EN_GROUP_LOG, "format", NODE(log_format), "text json", "", "text",
             "Lines of key=value, or JSON lines"),
    WORD_ROW(EN_GROUP_LOG, "level", NODE(log_level), "error warn info debug", "", "info",
             "Lines that matter less are dropped"),
    SWITCH_ROW(EN_GROUP_LOG, "access", NODE(log_access), "false",
               "A line for every call: who, what, how it went, how long it took"),
    TEXT_ROW(EN_GROUP_LOG, "path", NODE(log_path), NULL,
             "Folder of a file NAME.log for each function's lines, which the log has not then; "
             "relative to the file's folder; default: none"),
    SIZE_ROW(EN_GROUP_LOG, "max_size", NODE(log_max_bytes), 4096, (uint64_t)1 << 40, "10MiB",
             "Such a file becomes NAME.log.1 before it is larger"),
    {.group = EN_GROUP_LOG,
     .name = "keep",
     .kind = EN_KEY_NUMBER,
     .offset = NODE(log_keep),
     .unit = EN_UNIT_COUNT,
     .max = 1000,
     .initial = "5",
     .help = "So many older ones of each function stay"},

    TEXT_ROW(EN_GROUP_ASYNC, "path", NODE(async_path), "enoki-calls",
             "Folder of the accepted calls of functions with async = \"durable\"; relative to the "
             "file's folder"),
    SIZE_ROW(EN_GROUP_ASYNC, "max_size", NODE(async_max_bytes), 1048576, (uint64_t)1 << 40,
             "256MiB", "All of them; above: 503"),

    EN_LIMITS(NODE_LIMIT) EN_WORKER_LIMITS(NODE_LIMIT) EN_CODE_LIMITS(NODE_LIMIT)

        SIZE_ROW(EN_GROUP_LIMITS, "bodies", NODE(max_bodies_bytes), 1048576, (uint64_t)1 << 40,
                 "256MiB",
                 "Bodies of all calls that wait or run; above: 503; as of the connections, a "
                 "function gets at most as much as is still free"),
    TEXT_ROW(EN_GROUP_FUNCTION, "name", FUNCTION(name), NULL,
             "Required: letters and digits; the function is called at /NAME"),
    WORD_ROW(
        EN_GROUP_FUNCTION, "language", FUNCTION(language),
        "so python python3 python3-kv nodejs shell binary host", "", "so",
        "What the code is: so a shared library, the others a folder, with fn.py (python, python3, "
        "python3-kv), package.json (nodejs), fn.sh (shell, binary) or fn.host (host)"),
    TEXT_ROW(
        EN_GROUP_FUNCTION, "code", FUNCTION(code), NULL,
        "Path of the library, or of the folder or the file in it that begins; relative to the "
        "file's folder; default NAME.so or NAME"),
    WORD_ROW(EN_GROUP_FUNCTION, "runtime", FUNCTION(runtime), "thread prefork process", "",
             "prefork", "Who runs the calls"),
    {.group = EN_GROUP_FUNCTION,
     .name = "workers",
     .kind = EN_KEY_RANGE,
     .offset = FUNCTION(workers),
     .inner = EN_GROUP_WORKERS,
     .min = 1,
     .max = 4096,
     .help = "A number, or { min, max, idle } for as many as are needed; default: 64 threads, else "
             "the number of cores"},
    {.group = EN_GROUP_FUNCTION,
     .name = "instances",
     .kind = EN_KEY_RANGE,
     .offset = FUNCTION(instances),
     .inner = EN_GROUP_INSTANCES,
     .min = 1,
     .max = 64,
     .help = "Runtimes of it behind a front door, each with its workers: a number, or { min, max, "
             "idle } for as many as are needed; default 1"},
    TEXT_ROW(EN_GROUP_FUNCTION, "keygroup", FUNCTION(keygroup), NULL,
             "Name of its data: letters and digits; default tinyFaaS and the function's name"),
    WORD_ROW(EN_GROUP_FUNCTION, "stale", FUNCTION(stale), "wait fail any", "", NULL,
             "Of this function's data: as state.stale"),
    WORD_ROW(EN_GROUP_FUNCTION, "compat", FUNCTION(compat), "none tinyfaas", "", NULL,
             "Of this function's answers: as compat"),
    DURATION_ROW(EN_GROUP_FUNCTION, "expiry", FUNCTION(expiry_ms), 1000, MAX_EXPIRY_MS,
                 "Of this function's data: as state.expiry"),
    TEXT_ROW(EN_GROUP_FUNCTION, "user", FUNCTION(user), NULL,
             "Who runs it, name or number; only for root; default: see isolation.users"),
    TEXT_ROW(EN_GROUP_FUNCTION, "group", FUNCTION(group), NULL,
             "The same of its group; default: the user's"),
    {.group = EN_GROUP_FUNCTION,
     .name = "seccomp",
     .kind = EN_KEY_SECCOMP,
     .offset = FUNCTION(seccomp),
     .help = "Which system calls are forbidden: \"default\", \"off\", or ( \"NAME\", ... ), those "
             "of default but these"},
    {.group = EN_GROUP_FUNCTION,
     .name = "env",
     .kind = EN_KEY_VARIABLES,
     .offset = FUNCTION(variables),
     .help = "Variables for the function: NAME = \"value\""},
    {.group = EN_GROUP_FUNCTION,
     .name = "secrets",
     .kind = EN_KEY_VARIABLES,
     .offset = FUNCTION(secrets),
     .help = "Variables that are read from files at every start: NAME = \"path\", relative to the "
             "file's folder"},
    GROUP_ROW(EN_GROUP_FUNCTION, "limits", EN_GROUP_FUNCTION_LIMITS,
              "Bounds of this function's runtime; default: the node's"),
    WORD_ROW(EN_GROUP_FUNCTION, "async", FUNCTION(async), "memory durable", "", "memory",
             "Accepted asynchronous calls are kept until they have run: in memory, or on disk, so "
             "that they survive a crash of the node"),
    EN_WORKER_LIMITS(FUNCTION_KEY)

        EN_LIMITS(FUNCTION_LIMIT) EN_CODE_LIMITS(FUNCTION_LIMIT)

            COUNT_ROW(EN_GROUP_FUNCTION_LIMITS, "concurrency", FUNCTION(concurrency), 1, 1000000,
                      "Calls that run at once; default: as many as its workers can"),
    COUNT_ROW(EN_GROUP_WORKERS, "min", FUNCTION(workers.min), 0, 4096,
              "As many are always there; default 0: none without calls"),
    COUNT_ROW(EN_GROUP_WORKERS, "max", FUNCTION(workers.max), 1, 4096,
              "Required: there are never more"),
    EN_IDLE_LIMITS(WORKERS_KEY)

        COUNT_ROW(EN_GROUP_INSTANCES, "min", FUNCTION(instances.min), 0, 64,
                  "As many are always there; default 0: no process until a call comes"),
    COUNT_ROW(EN_GROUP_INSTANCES, "max", FUNCTION(instances.max), 1, 64,
              "Required: there are never more"),
    DURATION_ROW(EN_GROUP_INSTANCES, "idle", FUNCTION(instances_idle_ms), 1, DAY_MS,
                 "One above the minimum ends after this time without a call; default 1m")};

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
    case EN_GROUP_TLS:
        return "listen.tls.";
    case EN_GROUP_DEPLOY:
        return "deploy.";
    case EN_GROUP_ISOLATION:
        return "isolation.";
    case EN_GROUP_LOG:
        return "log.";
    case EN_GROUP_ASYNC:
        return "async.";
    case EN_GROUP_LIMITS:
        return "limits.";
    case EN_GROUP_FUNCTION:
        return "functions[].";
    case EN_GROUP_FUNCTION_LIMITS:
        return "functions[].limits.";
    case EN_GROUP_WORKERS:
        return "functions[].workers.";
    case EN_GROUP_INSTANCES:
        return "functions[].instances.";
    case EN_GROUP_NODE:
    default:
        return "";
    }
}

void en_key_path(const struct en_key *key, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s", group_path(key->group), key->name);
}
