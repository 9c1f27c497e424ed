/* Siblings: what concurrent writes leave, and what supersedes them. */
#include "fixture.h"

static struct enoki_error err = ENOKI_ERROR_INIT;
static const char *const two_values[] = {"one", "two"};

START_TEST(a_read_returns_every_sibling_with_its_version)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    fixture->make_siblings("demo", "a", two_values, 2);
    ck_ok(enoki_state_read(state, "a", &items, &err), err);
    ck_assert_uint_eq(enoki_items_count(items), 2);
    ck_assert_str_eq(enoki_items_id(items, 0), "a");
    ck_assert_str_eq(enoki_items_id(items, 1), "a");
    ck_assert_str_ne(enoki_items_value(items, 0, NULL), enoki_items_value(items, 1, NULL));
    ck_assert_int_eq(
        enoki_version_compare(enoki_items_version(items, 0), enoki_items_version(items, 1)),
        ENOKI_ORDER_CONCURRENT);
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(an_update_supersedes_all_siblings)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *before = NULL, *after = NULL;

    fixture->make_siblings("demo", "a", two_values, 2);
    ck_ok(enoki_state_read(state, "a", &before, &err), err);
    put(state, "a", "three");
    ck_ok(enoki_state_read(state, "a", &after, &err), err);
    ck_assert_uint_eq(enoki_items_count(after), 1);
    ck_assert_str_eq(enoki_items_value(after, 0, NULL), "three");
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(
            enoki_version_compare(enoki_items_version(before, i), enoki_items_version(after, 0)),
            ENOKI_ORDER_BEFORE);
    enoki_items_free(before);
    enoki_items_free(after);
    enoki_state_free(state);
}
END_TEST

START_TEST(a_removal_supersedes_all_siblings)
{
    struct enoki_state *state = open_demo();

    fixture->make_siblings("demo", "a", two_values, 2);
    ck_ok(enoki_state_remove(state, "a", NULL, &err), err);
    ck_assert_str_eq(get(state, "a"), "");
    enoki_state_free(state);
}
END_TEST

START_TEST(expecting_one_of_two_siblings_is_a_conflict)
{
    struct enoki_state *state = open_demo();
    struct enoki_expect expect = {sizeof(expect), NULL};
    struct enoki_items *one = NULL, *both = NULL;

    put(state, "a", "zero");
    ck_ok(enoki_state_read(state, "a", &one, &err), err);
    fixture->make_siblings("demo", "a", two_values, 2);
    ck_ok(enoki_state_read(state, "a", &both, &err), err);
    expect.items = one;
    ck_assert_int_eq(enoki_state_update(state, "a", "x", 1, &expect, &err), ENOKI_ECONFLICT);
    expect.items = both;
    ck_ok(enoki_state_update(state, "a", "x", 1, &expect, &err), err);
    ck_assert_str_eq(get(state, "a"), "x");
    enoki_items_free(one);
    enoki_items_free(both);
    enoki_state_free(state);
}
END_TEST

START_TEST(every_update_makes_a_newer_version)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *before = NULL, *after = NULL;

    put(state, "a", "1");
    ck_ok(enoki_state_read(state, "a", &before, &err), err);
    ck_ok(enoki_state_remove(state, "a", NULL, &err), err);
    put(state, "a", "1");
    ck_ok(enoki_state_read(state, "a", &after, &err), err);
    ck_assert_int_eq(
        enoki_version_compare(enoki_items_version(before, 0), enoki_items_version(after, 0)),
        ENOKI_ORDER_BEFORE);
    enoki_items_free(before);
    enoki_items_free(after);
    enoki_state_free(state);
}
END_TEST

static int join(void *context, const struct enoki_items *items, const void **value_out,
                size_t *value_len_out, struct enoki_error *error)
{
    char *room = context;

    (void)error;
    room[0] = '\0';
    for (size_t i = 0; i < enoki_items_count(items); i++)
        strcat(room, enoki_items_value(items, i, NULL));
    *value_out = room;
    *value_len_out = strlen(room);
    return ENOKI_MODIFY_WRITE;
}

START_TEST(modify_sees_all_siblings_and_replaces_them)
{
    struct enoki_state *state = open_demo();
    char room[100];

    fixture->make_siblings("demo", "a", two_values, 2);
    ck_ok(enoki_state_modify(state, "a", join, room, &err), err);
    ck_assert_uint_eq(strlen(get(state, "a")), strlen("onetwo"));
    enoki_state_free(state);
}
END_TEST

void add_version_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_read_returns_every_sibling_with_its_version);
    tcase_add_test(tcase, an_update_supersedes_all_siblings);
    tcase_add_test(tcase, a_removal_supersedes_all_siblings);
    tcase_add_test(tcase, expecting_one_of_two_siblings_is_a_conflict);
    tcase_add_test(tcase, every_update_makes_a_newer_version);
    tcase_add_test(tcase, modify_sees_all_siblings_and_replaces_them);
}
