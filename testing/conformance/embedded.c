/* The conformance suite on embedded stores: embedded sync|process. */
#include "folder.h"
#include "suite.h"

#include <stdio.h>

static const char *durability;
static const char *folder;

static void begin(void)
{
    folder = folder_make();
}

static struct enoki_state *open_keygroup(const char *keygroup, enum enoki_keygroup_kind kind,
                                         struct enoki_error *err)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    char uri[100];

    (void)snprintf(uri, sizeof(uri), "embedded:%s?durability=%s", folder, durability);
    options.uri = uri;
    options.keygroup = keygroup;
    options.kind = kind;
    return enoki_state_open(&state, &options, err) == 0 ? state : NULL;
}

static void make_siblings(const char *keygroup, const char *id, const char *const *values,
                          size_t count)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state = open_keygroup(keygroup, ENOKI_KEYGROUP_ANY, &err);

    ck_assert_ptr_nonnull(state);
    import_siblings(state, id, values, count);
    enoki_state_free(state);
}

int main(int argc, char **argv)
{
    const struct fixture embedded = {
        .name = argc > 1 ? argv[1] : "",
        .scans_from_first = true,
        .begin = begin,
        .end = folder_remove,
        .open = open_keygroup,
        .make_siblings = make_siblings,
    };

    if (argc != 2) {
        fprintf(stderr, "usage: %s sync|process\n", argv[0]);
        return 2;
    }
    durability = argv[1];
    return conformance_run(&embedded);
}
