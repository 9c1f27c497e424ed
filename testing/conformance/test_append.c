/* Append-only keygroups. */
#include "fixture.h"

static struct enoki_error err = ENOKI_ERROR_INIT;

static struct enoki_state *open_log(void)
{
    return open_kind("log", ENOKI_KEYGROUP_APPEND);
}

START_TEST(every_append_gets_a_new_later_id)
{
    struct enoki_state *state = open_log();
    struct enoki_items *items = NULL;
    char first[ENOKI_APPEND_ID_BYTES], last[ENOKI_APPEND_ID_BYTES], id[ENOKI_APPEND_ID_BYTES];

    ck_ok(enoki_state_append(state, "0", 1, first, &err), err);
    memcpy(last, first, sizeof(last));
    for (int i = 1; i < 10; i++) {
        char digit = (char)('0' + i);

        ck_ok(enoki_state_append(state, &digit, 1, id, &err), err);
        ck_assert_str_gt(id, last);
        memcpy(last, id, sizeof(last));
    }
    ck_assert_str_eq(get(state, first), "0");
    ck_assert_str_eq(get(state, last), "9");
    ck_ok(enoki_state_scan(state, first, 100, &items, &err), err);
    ck_assert_uint_eq(enoki_items_count(items), 10);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(*(const char *)enoki_items_value(items, i, NULL), (char)('0' + i));
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(an_appended_item_has_the_empty_version)
{
    struct enoki_state *state = open_log();
    struct enoki_items *items = NULL;
    char id[ENOKI_APPEND_ID_BYTES];

    ck_ok(enoki_state_append(state, "x", 1, id, &err), err);
    ck_ok(enoki_state_read(state, id, &items, &err), err);
    ck_assert_uint_eq(enoki_version_count(enoki_items_version(items, 0)), 0);
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

static int never(void *context, const struct enoki_items *items, const void **value_out,
                 size_t *value_len_out, struct enoki_error *error)
{
    (void)items;
    (void)value_out;
    (void)value_len_out;
    (void)error;
    *(int *)context = 1;
    return ENOKI_MODIFY_KEEP;
}

START_TEST(nothing_in_an_append_only_keygroup_can_be_changed)
{
    struct enoki_state *state = open_log();
    char id[ENOKI_APPEND_ID_BYTES];
    int called = 0;

    ck_ok(enoki_state_append(state, "x", 1, id, &err), err);
    ck_assert_int_eq(enoki_state_update(state, id, "y", 1, NULL, &err), ENOKI_EKIND);
    ck_assert_int_eq(enoki_state_remove(state, id, NULL, &err), ENOKI_EKIND);
    ck_assert_int_eq(enoki_state_modify(state, id, never, &called, &err), ENOKI_EKIND);
    ck_assert_int_eq(called, 0);
    ck_assert_str_eq(get(state, id), "x");
    enoki_state_free(state);
}
END_TEST

START_TEST(a_mutable_keygroup_takes_no_append)
{
    struct enoki_state *state = open_demo();
    char id[ENOKI_APPEND_ID_BYTES];

    ck_assert_int_eq(enoki_state_append(state, "x", 1, id, &err), ENOKI_EKIND);
    ck_assert_ptr_nonnull(strstr(err.message, "'demo'"));
    enoki_state_free(state);
}
END_TEST

START_TEST(an_empty_append_is_refused)
{
    struct enoki_state *state = open_log();
    char id[ENOKI_APPEND_ID_BYTES];

    ck_assert_int_eq(enoki_state_append(state, "", 0, id, &err), ENOKI_EINVAL);
    enoki_state_free(state);
}
END_TEST

void add_append_tests(TCase *tcase)
{
    tcase_add_test(tcase, every_append_gets_a_new_later_id);
    tcase_add_test(tcase, an_appended_item_has_the_empty_version);
    tcase_add_test(tcase, nothing_in_an_append_only_keygroup_can_be_changed);
    tcase_add_test(tcase, a_mutable_keygroup_takes_no_append);
    tcase_add_test(tcase, an_empty_append_is_refused);
}
