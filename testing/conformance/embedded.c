/* The conformance suite on embedded stores: embedded sync|process. */
#include "suite.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *durability;
static char folder[] = "/tmp/enoki-conformance-XXXXXX";

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static void end(void)
{
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
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
    for (size_t i = 0; i < count; i++) {
        struct enoki_version *version;
        char text[64];

        (void)snprintf(text, sizeof(text), "local=1,node%zu=1", i);
        ck_ok(enoki_version_parse(&version, text, &err), err);
        ck_ok(enoki_state_import(state, id, version, values[i], strlen(values[i]), &err), err);
        enoki_version_free(version);
    }
    enoki_state_free(state);
}

int main(int argc, char **argv)
{
    const struct fixture embedded = {
        .name = argc > 1 ? argv[1] : "",
        .scans_from_first = true,
        .begin = begin,
        .end = end,
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
