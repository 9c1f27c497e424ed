/* The conformance suite on FReD: fred sync|async. Three nodes of the double; handles are of the
 * first. */
#include "folder.h"
#include "suite.h"

#include "fred_cluster.h"

#include <pthread.h>
#include <stdio.h>

#define NODES 3

static const char *replication;
static struct fred_cluster cluster;

static void begin(void)
{
    fred_cluster_start(&cluster, folder_make(), NODES, replication);
}

static void end(void)
{
    fred_cluster_stop(&cluster);
    folder_remove();
}

static struct enoki_state *open_at(size_t node, const char *keygroup, enum enoki_keygroup_kind kind,
                                   struct enoki_error *err)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    char uri[400];

    fred_cluster_uri(&cluster, node, "alice", "&admin=admin&timeout=20000", uri, sizeof(uri));
    options.uri = uri;
    options.keygroup = keygroup;
    options.kind = kind;
    return enoki_state_open(&state, &options, err) == 0 ? state : NULL;
}

static struct enoki_state *open_keygroup(const char *keygroup, enum enoki_keygroup_kind kind,
                                         struct enoki_error *err)
{
    return open_at(0, keygroup, kind, err);
}

/* One node's write: it returns once the others have it, thus not while the link is held. */
struct written {
    struct enoki_state *state;
    const char *id;
    const char *value;
};

static void *write_one(void *context)
{
    const struct written *written = context;
    struct enoki_error err = ENOKI_ERROR_INIT;

    ck_ok(enoki_state_update(written->state, written->id, written->value, strlen(written->value),
                             NULL, &err),
          err);
    return NULL;
}

/* Until its node has what was written there, and nothing else. */
static void await_own(const struct written *written)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    bool found = false;

    while (!found) {
        if (enoki_state_read(written->state, written->id, &items, &err) != 0)
            continue;
        found = strcmp(enoki_items_value(items, 0, NULL), written->value) == 0;
        enoki_items_free(items);
    }
}

static void await_siblings(struct enoki_state *state, const char *id, size_t count)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    size_t found = 0;

    while (found != count) {
        if (enoki_state_read(state, id, &items, &err) == 0) {
            found = enoki_items_count(items);
            enoki_items_free(items);
        }
    }
}

static void make_siblings(const char *keygroup, const char *id, const char *const *values,
                          size_t count)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct written written[NODES];
    pthread_t threads[NODES];

    ck_assert_uint_le(count, NODES);
    for (size_t i = 0; i < count; i++) {
        written[i] =
            (struct written){open_at(i, keygroup, ENOKI_KEYGROUP_ANY, &err), id, values[i]};
        ck_assert_msg(written[i].state != NULL, "%s", err.message);
    }
    fred_cluster_control(&cluster, "hold");
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_one, &written[i]), 0);
    for (size_t i = 0; i < count; i++)
        await_own(&written[i]);
    fred_cluster_control(&cluster, "release");
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    for (size_t i = 0; i < count; i++) {
        await_siblings(written[i].state, id, count);
        enoki_state_free(written[i].state);
    }
}

int main(int argc, char **argv)
{
    const struct fixture fred = {
        .name = argc > 1 ? argv[1] : "",
        .scans_from_first = false,
        .begin = begin,
        .end = end,
        .open = open_keygroup,
        .make_siblings = make_siblings,
    };

    if (argc != 2) {
        fprintf(stderr, "usage: %s sync|async\n", argv[0]);
        return 2;
    }
    replication = argv[1];
    return conformance_run(&fred);
}
