/* The conformance suite on a relay: what it serves is embedded. */
#include "folder.h"
#include "suite.h"

#include "state/relay/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RELAYS_MAX 8

/* One relay per keygroup, as a runtime has. */
static struct served {
    char keygroup[64];
    enum enoki_keygroup_kind kind;
    int door[2];
    struct en_relay *relay;
} served[RELAYS_MAX];
static size_t served_count;
static const char *folder;

static int open_embedded(void *context, struct enoki_state **out, struct enoki_error *err)
{
    const struct served *at = context;
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    char uri[100];

    (void)snprintf(uri, sizeof(uri), "embedded:%s?durability=process", folder);
    options.uri = uri;
    options.keygroup = at->keygroup;
    options.kind = at->kind;
    return enoki_state_open(out, &options, err);
}

static void begin(void)
{
    folder = folder_make();
}

static void end(void)
{
    for (size_t i = 0; i < served_count; i++) {
        en_relay_stop(served[i].relay);
        (void)close(served[i].door[0]);
        (void)close(served[i].door[1]);
    }
    folder_remove();
}

static struct served *serve(const char *keygroup, enum enoki_keygroup_kind kind,
                            struct enoki_error *err)
{
    struct served *at = &served[served_count];
    struct en_relay_options options = {.open = open_embedded, .context = at, .threads_max = 16};

    for (size_t i = 0; i < served_count; i++)
        if (strcmp(served[i].keygroup, keygroup) == 0)
            return &served[i];
    ck_assert_uint_lt(served_count, RELAYS_MAX);
    (void)snprintf(at->keygroup, sizeof(at->keygroup), "%s", keygroup);
    at->kind = kind;
    if (en_relay_door(at->door, err) != 0)
        return NULL;
    options.door = at->door[0];
    if (en_relay_start(&at->relay, &options, err) != 0)
        return NULL;
    served_count++;
    return at;
}

static struct enoki_state *open_keygroup(const char *keygroup, enum enoki_keygroup_kind kind,
                                         struct enoki_error *err)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    struct served *at;
    char uri[32];

    at = serve(keygroup, kind, err);
    if (at == NULL)
        return NULL;
    (void)snprintf(uri, sizeof(uri), "relay:%d", at->door[1]);
    options.uri = uri;
    options.keygroup = keygroup;
    options.kind = kind;
    return enoki_state_open(&state, &options, err) == 0 ? state : NULL;
}

static void make_siblings(const char *keygroup, const char *id, const char *const *values,
                          size_t count)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct served *at = serve(keygroup, ENOKI_KEYGROUP_ANY, &err);
    struct enoki_state *state;

    ck_assert_ptr_nonnull(at);
    ck_ok(open_embedded(at, &state, &err), err);
    import_siblings(state, id, values, count);
    enoki_state_free(state);
}

int main(void)
{
    const struct fixture relay = {
        .name = "relay",
        .scans_from_first = true,
        .begin = begin,
        .end = end,
        .open = open_keygroup,
        .make_siblings = make_siblings,
    };

    return conformance_run(&relay);
}
