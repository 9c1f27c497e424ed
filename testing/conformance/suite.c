#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

const struct fixture *fixture;

#define TIMEOUT_SECONDS 120

struct enoki_state *open_kind(const char *keygroup, enum enoki_keygroup_kind kind)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state = fixture->open(keygroup, kind, &err);

    ck_assert_msg(state != NULL, "%s", err.message);
    return state;
}

struct enoki_state *open_demo(void)
{
    return open_kind("demo", ENOKI_KEYGROUP_MUTABLE);
}

void put(struct enoki_state *state, const char *id, const char *value)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    ck_ok(enoki_state_update(state, id, value, strlen(value), NULL, &err), err);
}

const char *get(struct enoki_state *state, const char *id)
{
    static char value[1000];
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    int rc = enoki_state_read(state, id, &items, &err);

    if (rc == ENOKI_ENOTFOUND)
        return "";
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_uint_eq(enoki_items_count(items), 1);
    (void)snprintf(value, sizeof(value), "%s", (const char *)enoki_items_value(items, 0, NULL));
    enoki_items_free(items);
    return value;
}

void expect_items(struct enoki_items *items, const char *expected)
{
    char text[4096] = "";
    size_t len = 0;

    for (size_t i = 0; i < enoki_items_count(items); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%s", i == 0 ? "" : " ",
                                enoki_items_id(items, i),
                                (const char *)enoki_items_value(items, i, NULL));
    ck_assert_str_eq(text, expected);
    enoki_items_free(items);
}

void import_siblings(struct enoki_state *state, const char *id, const char *const *values,
                     size_t count)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    for (size_t i = 0; i < count; i++) {
        struct enoki_version *version;
        char text[64];

        (void)snprintf(text, sizeof(text), "local=1,node%zu=1", i);
        ck_ok(enoki_version_parse(&version, text, &err), err);
        ck_ok(enoki_state_import(state, id, version, values[i], strlen(values[i]), &err), err);
        enoki_version_free(version);
    }
}

int conformance_run(const struct fixture *with)
{
    Suite *suite = suite_create(with->name);
    TCase *tcase = tcase_create(with->name);
    SRunner *runner = srunner_create(suite);
    int failed;

    fixture = with;
    tcase_add_checked_fixture(tcase, with->begin, with->end);
    tcase_set_timeout(tcase, TIMEOUT_SECONDS);
    suite_add_tcase(suite, tcase);
    add_item_tests(tcase);
    add_version_tests(tcase);
    add_scan_tests(tcase);
    add_append_tests(tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
