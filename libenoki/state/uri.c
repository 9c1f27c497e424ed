#include "state/uri.h"

#include "base/checked.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A day: longer waits and timeouts are mistakes. */
#define TIME_MAX_MS 86400000u
/* What FReD's int64 seconds hold once they are nanoseconds. */
#define EXPIRY_MAX_S 9000000000u

enum scheme { EMBEDDED = 1, FRED = 2, RELAY = 4 };

static const struct {
    const char *name;
    enum scheme scheme;
    const char *form;
} schemes[] = {
    {"embedded", EMBEDDED,
     "'embedded:DIR[?durability=sync|process][&max_value=BYTES][&node=NAME][&keygroup=NAME]'"},
    {"fred", FRED,
     "'fred://HOST:PORT[,HOST:PORT...]?tls=DIR&user=NAME[&admin=NAME][&node=ID][&expiry=SECONDS]"
     "[&stale=wait|fail|any][&session=DIR][&durability=sync|process][&timeout=MS][&start=MS]"
     "[&max_value=BYTES][&keygroup=NAME]'"},
    {"relay", RELAY, "'relay:FD[?keygroup=NAME]'"},
};

#define SCHEME_COUNT (sizeof(schemes) / sizeof(schemes[0]))

enum kind { TEXT, NUMBER, STALE };

static const struct option {
    const char *name;
    unsigned schemes;
    enum kind kind;
    size_t offset;
    uint64_t min;
    uint64_t max;
} options[] = {
    {"durability", EMBEDDED | FRED, TEXT, offsetof(struct en_uri, durability), 0, 0},
    {"keygroup", EMBEDDED | FRED | RELAY, TEXT, offsetof(struct en_uri, keygroup), 0, 0},
    {"node", EMBEDDED | FRED, TEXT, offsetof(struct en_uri, node), 0, 0},
    {"max_value", EMBEDDED | FRED, NUMBER, offsetof(struct en_uri, max_value_bytes), 1, UINT64_MAX},
    {"tls", FRED, TEXT, offsetof(struct en_uri, tls), 0, 0},
    {"user", FRED, TEXT, offsetof(struct en_uri, user), 0, 0},
    {"admin", FRED, TEXT, offsetof(struct en_uri, admin), 0, 0},
    {"session", FRED, TEXT, offsetof(struct en_uri, session), 0, 0},
    {"stale", FRED, STALE, offsetof(struct en_uri, stale), 0, 0},
    {"expiry", FRED, NUMBER, offsetof(struct en_uri, expiry_s), 0, EXPIRY_MAX_S},
    {"timeout", FRED, NUMBER, offsetof(struct en_uri, timeout_ms), 1, TIME_MAX_MS},
    {"start", FRED, NUMBER, offsetof(struct en_uri, start_ms), 0, TIME_MAX_MS},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int set_stale(enum en_stale *stale, const char *value)
{
    static const char *const words[] = {"wait", "fail", "any"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], value) == 0) {
            *stale = (enum en_stale)i;
            return 0;
        }
    return ENOKI_EINVAL;
}

static int set_value(struct en_uri *uri, const struct option *option, const char *value)
{
    char *at = (char *)uri + option->offset;
    uint64_t number;

    if (option->kind == TEXT) {
        memcpy(at, &value, sizeof(value));
        return *value == '\0' ? ENOKI_EINVAL : 0;
    }
    if (option->kind == STALE)
        return set_stale((enum en_stale *)(void *)at, value);
    if (!en_parse_u64(value, strlen(value), option->max, &number) || number < option->min)
        return ENOKI_EINVAL;
    memcpy(at, &number, sizeof(number));
    return 0;
}

/* given: a bit per option that was met already. */
static int set(struct en_uri *uri, unsigned scheme, unsigned *given, const char *key,
               const char *value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(key, options[i].name) != 0)
            continue;
        if ((options[i].schemes & scheme) == 0 || (*given & 1u << i) != 0)
            return ENOKI_EINVAL;
        *given |= 1u << i;
        return set_value(uri, &options[i], value);
    }
    return ENOKI_EINVAL;
}

static int set_all(struct en_uri *uri, unsigned scheme, char *query)
{
    unsigned given = 0;
    char *pair;

    while ((pair = strsep(&query, "&")) != NULL) {
        char *equals = strchr(pair, '=');

        if (equals == NULL)
            return ENOKI_EINVAL;
        *equals = '\0';
        if (set(uri, scheme, &given, pair, equals + 1) != 0)
            return ENOKI_EINVAL;
    }
    return 0;
}

/* What must be there, and what only some values are allowed for. */
static int check(struct en_uri *uri, enum scheme scheme)
{
    if (uri->durability != NULL && strcmp(uri->durability, "sync") != 0 &&
        strcmp(uri->durability, "process") != 0)
        return ENOKI_EINVAL;
    if (scheme != FRED)
        return *uri->where == '\0' ? ENOKI_EINVAL : 0;
    if (strncmp(uri->where, "//", 2) != 0 || uri->where[2] == '\0')
        return ENOKI_EINVAL;
    uri->where += 2;
    return uri->tls == NULL || uri->user == NULL ? ENOKI_EINVAL : 0;
}

static int parse(struct en_uri *uri, size_t *scheme_out)
{
    char *rest = uri->text;
    int rc;

    uri->start_ms = EN_URI_START_MS;
    uri->scheme = strsep(&rest, ":");
    for (*scheme_out = 0; *scheme_out < SCHEME_COUNT; (*scheme_out)++)
        if (strcmp(schemes[*scheme_out].name, uri->scheme) == 0)
            break;
    uri->where = strsep(&rest, "?");
    if (*scheme_out == SCHEME_COUNT || uri->where == NULL)
        return ENOKI_EINVAL;
    rc = rest == NULL ? 0 : set_all(uri, schemes[*scheme_out].scheme, rest);
    return rc != 0 ? rc : check(uri, schemes[*scheme_out].scheme);
}

int en_uri_parse(struct en_uri *uri, const char *text, struct enoki_error *err)
{
    struct en_uri made = {0};
    size_t scheme = 0;
    int rc;

    made.text = strdup(text);
    if (made.text == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the state URI");
    rc = parse(&made, &scheme);
    if (rc != 0) {
        free(made.text);
        if (scheme < SCHEME_COUNT)
            return enoki_error_set(err, rc, "'%.100s' is no state URI: write %s", text,
                                   schemes[scheme].form);
        return enoki_error_set(err, rc,
                               "'%.100s' is no state URI: write 'embedded:DIR[?...]' or "
                               "'fred://HOST:PORT?tls=DIR&user=NAME[&...]'",
                               text);
    }
    *uri = made;
    return 0;
}

void en_uri_fini(struct en_uri *uri)
{
    free(uri->text);
    *uri = (struct en_uri){0};
}
