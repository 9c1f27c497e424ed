/* Scan and keys: order, start, count, siblings, removed items. */
#include "fixture.h"

static struct enoki_error err = ENOKI_ERROR_INIT;

static void write_all(struct enoki_state *state)
{
    const char *const ids[] = {"a", "ab", "a1", "Z", "B", "2", "1", "10"};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        put(state, ids[i], "v");
}

START_TEST(scans_in_the_order_of_id_and_bar)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    write_all(state);
    ck_ok(enoki_state_scan(state, "10", 100, &items, &err), err);
    expect_items(items, "10=v 1=v 2=v B=v Z=v a1=v ab=v a=v");
    ck_ok(enoki_state_scan(state, "B", 3, &items, &err), err);
    expect_items(items, "B=v Z=v a1=v");
    enoki_state_free(state);
}
END_TEST

START_TEST(keys_come_in_the_same_order_without_values)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    write_all(state);
    ck_ok(enoki_state_keys(state, "10", 3, &items, &err), err);
    ck_assert_uint_eq(enoki_version_count(enoki_items_version(items, 0)), 1);
    expect_items(items, "10= 1= 2=");
    enoki_state_free(state);
}
END_TEST

START_TEST(a_start_that_was_never_written_is_not_found)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    put(state, "b", "1");
    ck_assert_int_eq(enoki_state_scan(state, "a", 1, &items, &err), ENOKI_ENOTFOUND);
    ck_assert_int_eq(enoki_state_keys(state, "a", 1, &items, &err), ENOKI_ENOTFOUND);
    ck_assert_ptr_null(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(removed_items_are_skipped_and_may_be_the_start)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    put(state, "a", "1");
    put(state, "b", "2");
    put(state, "c", "3");
    put(state, "d", "4");
    ck_ok(enoki_state_remove(state, "a", NULL, &err), err);
    ck_ok(enoki_state_remove(state, "c", NULL, &err), err);
    ck_ok(enoki_state_scan(state, "a", 2, &items, &err), err);
    expect_items(items, "b=2 d=4");
    ck_ok(enoki_state_keys(state, "c", 2, &items, &err), err);
    expect_items(items, "d=");
    ck_ok(enoki_state_remove(state, "d", NULL, &err), err);
    items = NULL;
    ck_ok(enoki_state_scan(state, "c", 2, &items, &err), err);
    ck_assert_uint_eq(enoki_items_count(items), 0);
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(count_counts_ids_and_siblings_stay_together)
{
    const char *const values[] = {"x", "y", "z"};
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    put(state, "a", "1");
    fixture->make_siblings("demo", "b", values, 3);
    put(state, "c", "2");
    ck_ok(enoki_state_scan(state, "a", 2, &items, &err), err);
    ck_assert_uint_eq(enoki_items_count(items), 4);
    for (size_t i = 1; i < 4; i++)
        ck_assert_str_eq(enoki_items_id(items, i), "b");
    enoki_items_free(items);
    ck_ok(enoki_state_scan(state, "b", 2, &items, &err), err);
    ck_assert_uint_eq(enoki_items_count(items), 4);
    ck_assert_str_eq(enoki_items_id(items, 3), "c");
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(counts_of_none_and_too_many_are_refused)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    put(state, "a", "1");
    ck_assert_int_eq(enoki_state_scan(state, "a", 0, &items, &err), ENOKI_EINVAL);
    ck_assert_int_eq(enoki_state_keys(state, "a", 0, &items, &err), ENOKI_EINVAL);
    ck_assert_int_eq(enoki_state_scan(state, "a", ENOKI_SCAN_MAX + 1u, &items, &err), ENOKI_ELIMIT);
    ck_ok(enoki_state_scan(state, "a", ENOKI_SCAN_MAX, &items, &err), err);
    expect_items(items, "a=1");
    enoki_state_free(state);
}
END_TEST

START_TEST(without_a_start_begins_at_the_first_id_or_refuses)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    if (fixture->scans_from_first) {
        ck_ok(enoki_state_scan(state, NULL, 9, &items, &err), err);
        ck_assert_uint_eq(enoki_items_count(items), 0);
        enoki_items_free(items);
        write_all(state);
        ck_ok(enoki_state_keys(state, NULL, 2, &items, &err), err);
        expect_items(items, "10= 1=");
    } else {
        ck_assert_int_eq(enoki_state_scan(state, NULL, 9, &items, &err), ENOKI_EINVAL);
    }
    enoki_state_free(state);
}
END_TEST

void add_scan_tests(TCase *tcase)
{
    tcase_add_test(tcase, scans_in_the_order_of_id_and_bar);
    tcase_add_test(tcase, keys_come_in_the_same_order_without_values);
    tcase_add_test(tcase, a_start_that_was_never_written_is_not_found);
    tcase_add_test(tcase, removed_items_are_skipped_and_may_be_the_start);
    tcase_add_test(tcase, count_counts_ids_and_siblings_stay_together);
    tcase_add_test(tcase, counts_of_none_and_too_many_are_refused);
    tcase_add_test(tcase, without_a_start_begins_at_the_first_id_or_refuses);
}
