/* One item: read, update, remove, expect, modify, and what is refused. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct enoki_error err = ENOKI_ERROR_INIT;

START_TEST(reads_what_was_written)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;
    size_t len;

    put(state, "greeting", "hello");
    ck_ok(enoki_state_read(state, "greeting", &items, &err), err);
    ck_assert_uint_eq(enoki_items_count(items), 1);
    ck_assert_str_eq(enoki_items_id(items, 0), "greeting");
    ck_assert_str_eq(enoki_items_value(items, 0, &len), "hello");
    ck_assert_uint_eq(len, 5);
    ck_assert_uint_ge(enoki_version_count(enoki_items_version(items, 0)), 1);
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(knows_its_name_and_kind)
{
    struct enoki_state *state = open_demo();
    struct enoki_state *log = open_kind("log", ENOKI_KEYGROUP_APPEND);

    ck_assert_str_eq(enoki_state_keygroup(state), "demo");
    ck_assert_int_eq(enoki_state_kind(state), ENOKI_KEYGROUP_MUTABLE);
    ck_assert_int_eq(enoki_state_kind(log), ENOKI_KEYGROUP_APPEND);
    enoki_state_free(log);
    enoki_state_free(state);
}
END_TEST

START_TEST(a_keygroup_keeps_its_kind)
{
    struct enoki_state *state = open_demo();

    ck_assert_ptr_null(fixture->open("demo", ENOKI_KEYGROUP_APPEND, &err));
    ck_assert_int_eq(err.status, ENOKI_EKIND);
    enoki_state_free(state);
    state = open_kind("log", ENOKI_KEYGROUP_APPEND);
    enoki_state_free(state);
    state = open_kind("log", ENOKI_KEYGROUP_ANY);
    ck_assert_int_eq(enoki_state_kind(state), ENOKI_KEYGROUP_APPEND);
    enoki_state_free(state);
}
END_TEST

START_TEST(keeps_items_when_it_is_closed)
{
    struct enoki_state *state = open_demo();

    put(state, "a", "1");
    enoki_state_free(state);
    state = open_demo();
    ck_assert_str_eq(get(state, "a"), "1");
    enoki_state_free(state);
}
END_TEST

START_TEST(two_users_see_each_others_writes_at_once)
{
    struct enoki_state *one = open_demo();
    struct enoki_state *two = open_demo();

    put(one, "a", "1");
    ck_assert_str_eq(get(two, "a"), "1");
    put(two, "a", "2");
    ck_assert_str_eq(get(one, "a"), "2");
    enoki_state_free(one);
    ck_assert_str_eq(get(two, "a"), "2");
    enoki_state_free(two);
}
END_TEST

START_TEST(keygroups_do_not_see_each_other)
{
    struct enoki_state *one = open_demo();
    struct enoki_state *two = open_kind("other", ENOKI_KEYGROUP_MUTABLE);

    put(one, "a", "1");
    ck_assert_str_eq(get(two, "a"), "");
    enoki_state_free(one);
    enoki_state_free(two);
}
END_TEST

START_TEST(what_was_never_written_is_not_found)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    ck_assert_int_eq(enoki_state_read(state, "a", &items, &err), ENOKI_ENOTFOUND);
    ck_assert_int_eq(err.status, ENOKI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "'a'"));
    ck_assert_ptr_null(items);
    ck_assert_int_eq(enoki_state_remove(state, "a", NULL, &err), ENOKI_ENOTFOUND);
    enoki_state_free(state);
}
END_TEST

START_TEST(a_removed_item_is_gone_and_can_be_removed_again_and_written_again)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;

    put(state, "a", "1");
    ck_ok(enoki_state_remove(state, "a", NULL, &err), err);
    ck_assert_int_eq(enoki_state_read(state, "a", &items, &err), ENOKI_ENOTFOUND);
    ck_ok(enoki_state_remove(state, "a", NULL, &err), err);
    put(state, "a", "2");
    ck_assert_str_eq(get(state, "a"), "2");
    enoki_state_free(state);
}
END_TEST

START_TEST(values_hold_any_bytes)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;
    unsigned char bytes[512];
    size_t len;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    ck_ok(enoki_state_update(state, "a", bytes, sizeof(bytes), NULL, &err), err);
    ck_ok(enoki_state_read(state, "a", &items, &err), err);
    ck_assert_mem_eq(enoki_items_value(items, 0, &len), bytes, sizeof(bytes));
    ck_assert_uint_eq(len, sizeof(bytes));
    ck_assert_int_eq(((const char *)enoki_items_value(items, 0, NULL))[len], '\0');
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(values_may_be_three_million_bytes_and_no_more)
{
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;
    size_t len = ENOKI_VALUE_DEFAULT_BYTES;
    char *value = malloc(len + 1);

    ck_assert_ptr_nonnull(value);
    for (size_t i = 0; i <= len; i++)
        value[i] = (char)(i * 31 >> 3);
    ck_ok(enoki_state_update(state, "a", value, len, NULL, &err), err);
    ck_assert_int_eq(enoki_state_update(state, "a", value, len + 1, NULL, &err), ENOKI_ELIMIT);
    ck_ok(enoki_state_read(state, "a", &items, &err), err);
    ck_assert_int_eq(memcmp(enoki_items_value(items, 0, &len), value, len), 0);
    ck_assert_uint_eq(len, ENOKI_VALUE_DEFAULT_BYTES);
    enoki_items_free(items);
    free(value);
    enoki_state_free(state);
}
END_TEST

START_TEST(an_empty_value_is_refused)
{
    struct enoki_state *state = open_demo();

    ck_assert_int_eq(enoki_state_update(state, "a", "", 0, NULL, &err), ENOKI_EINVAL);
    ck_assert_str_eq(get(state, "a"), "");
    enoki_state_free(state);
}
END_TEST

START_TEST(ids_are_one_to_255_letters_and_digits)
{
    const char *const bad[] = {"", "a b", "a|", "-", "a/b", "\xc3\xa4"};
    struct enoki_state *state = open_demo();
    struct enoki_items *items = NULL;
    char id[ENOKI_NAME_MAX + 2];

    memset(id, 'x', sizeof(id) - 1);
    id[ENOKI_NAME_MAX + 1] = '\0';
    ck_assert_int_eq(enoki_state_update(state, id, "1", 1, NULL, &err), ENOKI_EINVAL);
    id[ENOKI_NAME_MAX] = '\0';
    put(state, id, "1");
    ck_assert_str_eq(get(state, id), "1");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(enoki_state_read(state, bad[i], &items, &err), ENOKI_EINVAL);
        ck_assert_int_eq(enoki_state_scan(state, bad[i], 1, &items, &err), ENOKI_EINVAL);
        ck_assert_int_eq(enoki_state_update(state, bad[i], "1", 1, NULL, &err), ENOKI_EINVAL);
        ck_assert_int_eq(enoki_state_remove(state, bad[i], NULL, &err), ENOKI_EINVAL);
    }
    enoki_state_free(state);
}
END_TEST

START_TEST(an_update_that_expects_what_is_there_succeeds)
{
    struct enoki_state *state = open_demo();
    struct enoki_expect expect = {sizeof(expect), NULL};
    struct enoki_items *items = NULL;

    ck_ok(enoki_state_update(state, "a", "1", 1, &expect, &err), err);
    ck_ok(enoki_state_read(state, "a", &items, &err), err);
    expect.items = items;
    ck_ok(enoki_state_update(state, "a", "2", 1, &expect, &err), err);
    ck_assert_str_eq(get(state, "a"), "2");
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(an_update_that_expects_something_else_changes_nothing)
{
    struct enoki_state *state = open_demo();
    struct enoki_expect nothing = {sizeof(nothing), NULL};
    struct enoki_expect expect = {sizeof(expect), NULL};
    struct enoki_items *items = NULL;

    put(state, "a", "1");
    ck_assert_int_eq(enoki_state_update(state, "a", "x", 1, &nothing, &err), ENOKI_ECONFLICT);
    ck_assert_int_eq(enoki_state_remove(state, "a", &nothing, &err), ENOKI_ECONFLICT);
    ck_ok(enoki_state_read(state, "a", &items, &err), err);
    expect.items = items;
    put(state, "a", "2");
    ck_assert_int_eq(enoki_state_update(state, "a", "x", 1, &expect, &err), ENOKI_ECONFLICT);
    ck_assert_int_eq(enoki_state_remove(state, "a", &expect, &err), ENOKI_ECONFLICT);
    ck_assert_str_eq(get(state, "a"), "2");
    ck_assert_int_eq(enoki_state_update(state, "b", "x", 1, &expect, &err), 0);
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

START_TEST(a_removed_item_counts_as_nothing_there)
{
    struct enoki_state *state = open_demo();
    struct enoki_expect expect = {sizeof(expect), NULL};
    struct enoki_items *items = NULL;

    put(state, "a", "1");
    ck_ok(enoki_state_read(state, "a", &items, &err), err);
    expect.items = items;
    ck_ok(enoki_state_remove(state, "a", &expect, &err), err);
    ck_assert_int_eq(enoki_state_update(state, "a", "2", 1, &expect, &err), ENOKI_ECONFLICT);
    expect.items = NULL;
    ck_ok(enoki_state_update(state, "a", "2", 1, &expect, &err), err);
    ck_assert_str_eq(get(state, "a"), "2");
    enoki_items_free(items);
    enoki_state_free(state);
}
END_TEST

static int add_one(void *context, const struct enoki_items *items, const void **value_out,
                   size_t *value_len_out, struct enoki_error *error)
{
    char *room = context;
    long number = items == NULL ? 0 : strtol(enoki_items_value(items, 0, NULL), NULL, 10);

    (void)error;
    *value_len_out = (size_t)snprintf(room, 32, "%ld", number + 1);
    *value_out = room;
    return ENOKI_MODIFY_WRITE;
}

#define THREADS 8
#define ROUNDS 1000

static void *count_up(void *state)
{
    struct enoki_error error = ENOKI_ERROR_INIT;
    char room[32];

    for (int i = 0; i < ROUNDS; i++)
        if (enoki_state_modify(state, "n", add_one, room, &error) != 0)
            return "failed";
    return NULL;
}

START_TEST(modify_loses_no_increment_of_many_threads)
{
    struct enoki_state *state = open_demo();
    pthread_t threads[THREADS];
    void *failed;

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, state), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(atoi(get(state, "n")), THREADS * ROUNDS);
    enoki_state_free(state);
}
END_TEST

/* context: what to return */
static int decide(void *context, const struct enoki_items *items, const void **value_out,
                  size_t *value_len_out, struct enoki_error *error)
{
    (void)items;
    (void)value_out;
    (void)value_len_out;
    (void)error;
    return *(int *)context;
}

START_TEST(modify_keeps_removes_or_fails_as_its_callback_says)
{
    struct enoki_state *state = open_demo();
    int keep = ENOKI_MODIFY_KEEP, drop = ENOKI_MODIFY_REMOVE, fail = ENOKI_ECONFLICT, odd = 17;

    ck_ok(enoki_state_modify(state, "a", decide, &drop, &err), err);
    put(state, "a", "1");
    ck_ok(enoki_state_modify(state, "a", decide, &keep, &err), err);
    ck_assert_int_eq(enoki_state_modify(state, "a", decide, &fail, &err), ENOKI_ECONFLICT);
    ck_assert_int_eq(enoki_state_modify(state, "a", decide, &odd, &err), ENOKI_EINVAL);
    ck_assert_str_eq(get(state, "a"), "1");
    ck_ok(enoki_state_modify(state, "a", decide, &drop, &err), err);
    ck_assert_str_eq(get(state, "a"), "");
    enoki_state_free(state);
}
END_TEST

void add_item_tests(TCase *tcase)
{
    tcase_add_test(tcase, reads_what_was_written);
    tcase_add_test(tcase, knows_its_name_and_kind);
    tcase_add_test(tcase, a_keygroup_keeps_its_kind);
    tcase_add_test(tcase, keeps_items_when_it_is_closed);
    tcase_add_test(tcase, two_users_see_each_others_writes_at_once);
    tcase_add_test(tcase, keygroups_do_not_see_each_other);
    tcase_add_test(tcase, what_was_never_written_is_not_found);
    tcase_add_test(tcase, a_removed_item_is_gone_and_can_be_removed_again_and_written_again);
    tcase_add_test(tcase, values_hold_any_bytes);
    tcase_add_test(tcase, values_may_be_three_million_bytes_and_no_more);
    tcase_add_test(tcase, an_empty_value_is_refused);
    tcase_add_test(tcase, ids_are_one_to_255_letters_and_digits);
    tcase_add_test(tcase, an_update_that_expects_what_is_there_succeeds);
    tcase_add_test(tcase, an_update_that_expects_something_else_changes_nothing);
    tcase_add_test(tcase, a_removed_item_counts_as_nothing_there);
    tcase_add_test(tcase, modify_loses_no_increment_of_many_threads);
    tcase_add_test(tcase, modify_keeps_removes_or_fails_as_its_callback_says);
}
