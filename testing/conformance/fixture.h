/*
 * fixture.h - what a backend brings to the conformance suite, and what the tests write with.
 *
 * The suite knows nothing of a backend but this. Every test runs in its own process with a store of
 * its own: begin() before it, end() after it.
 */
#ifndef CONFORMANCE_FIXTURE_H
#define CONFORMANCE_FIXTURE_H

#include <enoki/state.h>

#include <check.h>
#include <stdbool.h>
#include <string.h>

struct fixture {
    const char *name;
    bool scans_from_first; /* scan and keys take NULL as their start */

    /* A fresh place for keygroups. Fails the test if it cannot. */
    void (*begin)(void);
    void (*end)(void);
    /* Opens a keygroup there, and creates it if missing; NULL and *err if that is refused. A second
     * call with the same name is a second, independent user of it. */
    struct enoki_state *(*open)(const char *keygroup, enum enoki_keygroup_kind kind,
                                struct enoki_error *err);
    /* Makes an item with concurrent versions, each written at another node, as replication does. */
    void (*make_siblings)(const char *keygroup, const char *id, const char *const *values,
                          size_t count);
};

/* The one that is being tested. */
extern const struct fixture *fixture;

/* Opens, or fails the test. */
struct enoki_state *open_kind(const char *keygroup, enum enoki_keygroup_kind kind);
/* A mutable keygroup "demo". */
struct enoki_state *open_demo(void);

void put(struct enoki_state *state, const char *id, const char *value);

/* Reads an item with one version and gives its value: "" if there is none. Valid until the next
 * call. */
const char *get(struct enoki_state *state, const char *id);

/* Checks the list's "id=value id=value ..." and frees it. */
void expect_items(struct enoki_items *items, const char *expected);

/* Makes siblings where versions can be imported. */
void import_siblings(struct enoki_state *state, const char *id, const char *const *values,
                     size_t count);

#define ck_ok(call, err) ck_assert_msg((call) == 0, "%s: %s", #call, (err).message)

void add_item_tests(TCase *tcase);
void add_version_tests(TCase *tcase);
void add_scan_tests(TCase *tcase);
void add_append_tests(TCase *tcase);

#endif
