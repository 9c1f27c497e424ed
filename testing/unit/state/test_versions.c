/* The rules of versions as an embedded store applies them: FReD's. */
#include "check_main.h"
#include "store_case.h"

#include "failing_alloc.h"
#include "state/items.h"
#include "wire/record.h"

#include <stdbool.h>

static int import(struct enoki_state *state, const char *version_text, const char *value)
{
    struct enoki_version *version;
    int rc;

    ck_ok(enoki_version_parse(&version, version_text, &err));
    rc = enoki_state_import(state, "x", version, value, value == NULL ? 0 : strlen(value), &err);
    enoki_version_free(version);
    return rc;
}

/* Checks "value@version value@version ..." of item x. */
static void expect(struct enoki_state *state, const char *expected)
{
    struct enoki_items *items = NULL;
    char text[1000] = "";
    size_t len = 0;
    int rc = enoki_state_read(state, "x", &items, &err);

    ck_assert(rc == 0 || rc == ENOKI_ENOTFOUND);
    for (size_t i = 0; i < enoki_items_count(items); i++) {
        struct en_buffer version = EN_BUFFER_INIT(1000);

        ck_assert_int_eq(en_version_text(en_version_view(enoki_items_version(items, i)), &version),
                         0);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s@%s", i == 0 ? "" : " ",
                                (const char *)enoki_items_value(items, i, NULL), version.data);
        en_buffer_fini(&version);
    }
    enoki_items_free(items);
    ck_assert_str_eq(text, expected);
}

START_TEST(an_update_counts_on_its_own_node)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("process");
    put(state, "x", "a");
    put(state, "x", "b");
    expect(state, "b@local=2");
    ck_ok(enoki_state_remove(state, "x", NULL, &err));
    put(state, "x", "c");
    expect(state, "c@local=4");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(an_import_is_dropped_replaces_or_stays_beside)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("sync");
    ck_ok(import(state, "a=2", "one"));
    ck_ok(import(state, "a=1", "older"));
    ck_ok(import(state, "a=2", "equal"));
    expect(state, "one@a=2");
    ck_ok(import(state, "a=3", "newer"));
    expect(state, "newer@a=3");
    ck_ok(import(state, "b=1", "beside"));
    expect(state, "newer@a=3 beside@b=1");
    ck_ok(import(state, "a=4,c=1", "third"));
    expect(state, "beside@b=1 third@a=4,c=1");
    ck_ok(import(state, "a=4,b=1,c=1", "all"));
    expect(state, "all@a=4,b=1,c=1");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(an_imported_tombstone_hides_what_it_covers_and_no_more)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("process");
    ck_ok(import(state, "a=1", "one"));
    ck_ok(import(state, "b=1", "two"));
    ck_ok(import(state, "a=2", NULL));
    expect(state, "two@b=1");
    ck_ok(import(state, "b=2", NULL));
    expect(state, "");
    put(state, "x", "new");
    expect(state, "new@a=2,b=2,local=1");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(an_entry_of_zero_counts_in_the_order_and_vanishes_in_a_merge)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("process");
    ck_ok(import(state, "a=1,z=0", "zero"));
    ck_ok(import(state, "a=1", "covered"));
    expect(state, "zero@a=1,z=0");
    put(state, "x", "merged");
    expect(state, "merged@a=1,local=1");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(an_empty_version_is_refused_where_items_change)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("process");
    ck_assert_int_eq(import(state, "", "x"), ENOKI_EINVAL);
    ck_assert_int_eq(import(state, "a=1", ""), ENOKI_EINVAL);
    enoki_state_free(state);
    remove_folder();
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    make_folder();
    state = try_open("process", "", ENOKI_KEYGROUP_APPEND);
    ck_assert_ptr_nonnull(state);
    ck_ok(import(state, "", "first"));
    ck_ok(import(state, "", "second"));
    expect(state, "first@");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(a_counter_at_its_end_is_refused_and_changes_nothing)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("sync");
    ck_ok(import(state, "local=18446744073709551615", "last"));
    ck_assert_int_eq(enoki_state_update(state, "x", "y", 1, NULL, &err), ENOKI_ELIMIT);
    ck_assert_int_eq(enoki_state_remove(state, "x", NULL, &err), ENOKI_ELIMIT);
    expect(state, "last@local=18446744073709551615");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(an_item_has_at_most_256_siblings)
{
    struct enoki_state *state;
    struct enoki_items *items = NULL;
    char version[20];

    make_folder();
    state = open_state("process");
    for (unsigned i = 0; i < EN_RECORD_SIBLINGS_MAX; i++) {
        (void)snprintf(version, sizeof(version), "n%u=1", i);
        ck_ok(import(state, version, "x"));
    }
    ck_assert_int_eq(import(state, "m=1", "x"), ENOKI_ELIMIT);
    ck_ok(enoki_state_read(state, "x", &items, &err));
    ck_assert_uint_eq(enoki_items_count(items), EN_RECORD_SIBLINGS_MAX);
    enoki_items_free(items);
    put(state, "x", "one");
    ck_assert_str_eq(get(state, "x"), "one");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(a_scan_that_would_hand_out_too_much_is_refused)
{
    struct en_items_plan plan = {0};

    ck_assert_int_eq(en_items_plan_add(&plan, 1, 2, EN_ITEMS_MAX_BYTES), ENOKI_ELIMIT);
    ck_assert_int_eq(en_items_plan_add(&plan, 1, 2, SIZE_MAX - 100), ENOKI_ELIMIT);
    while (en_items_plan_add(&plan, 1, 2, ENOKI_VALUE_DEFAULT_BYTES) == 0)
        ck_assert_uint_le(plan.bytes, EN_ITEMS_MAX_BYTES);
    ck_assert_uint_eq(plan.count, EN_ITEMS_MAX_BYTES / (ENOKI_VALUE_DEFAULT_BYTES + 64));
}
END_TEST

/* --- without memory --------------------------------------------------------------------------- */

static int replace(void *context, const struct enoki_items *items, const void **value_out,
                   size_t *value_len_out, struct enoki_error *error)
{
    (void)context;
    (void)items;
    (void)error;
    *value_out = "m";
    *value_len_out = 1;
    return ENOKI_MODIFY_WRITE;
}

static int call(struct enoki_state *state, int which)
{
    struct enoki_items *items = NULL;
    struct enoki_expect expected = {sizeof(expected), NULL};
    int rc;

    switch (which) {
    case 0:
        rc = enoki_state_read(state, "x", &items, &err);
        break;
    case 1:
        rc = enoki_state_scan(state, "x", 10, &items, &err);
        break;
    case 2:
        rc = enoki_state_keys(state, NULL, 10, &items, &err);
        break;
    case 3:
        return import(state, "c=9", "imported");
    case 4:
        return enoki_state_modify(state, "x", replace, NULL, &err);
    case 5:
        rc = enoki_state_read(state, "x", &items, &err);
        expected.items = items;
        if (rc == 0)
            rc = enoki_state_update(state, "x", "e", 1, &expected, &err);
        break;
    case 6:
        return enoki_state_remove(state, "x", NULL, &err);
    default:
        return enoki_state_update(state, "x", "u", 1, NULL, &err);
    }
    enoki_items_free(items);
    return rc;
}

static bool call_with_failure(struct enoki_state *state, int which, unsigned nth)
{
    struct enoki_version *version;
    bool failed;
    int rc;

    /* import() fails the test if it cannot parse: that allocation is another module's. */
    ck_ok(enoki_version_parse(&version, "c=9", &err));
    failing_alloc_arm(nth);
    rc = which == 3 ? enoki_state_import(state, "x", version, "imported", 8, &err)
                    : call(state, which);
    failed = failing_alloc_disarm();
    enoki_version_free(version);
    ck_assert_int_eq(rc, failed ? ENOKI_ENOMEM : 0);
    return failed;
}

START_TEST(without_memory_every_call_says_so_and_changes_nothing)
{
    const char *const durabilities[] = {"sync", "process"};

    make_folder();
    for (size_t d = 0; d < 2; d++)
        for (int which = 0; which < 8; which++) {
            struct enoki_state *state = open_state(durabilities[d]);
            struct enoki_items *before = NULL, *after = NULL;

            put(state, "x", "1");
            ck_ok(import(state, "b=5", "sibling"));
            ck_ok(enoki_state_read(state, "x", &before, &err));
            for (unsigned nth = 1; call_with_failure(state, which, nth); nth++) {
                ck_ok(enoki_state_read(state, "x", &after, &err));
                ck_assert_uint_eq(enoki_items_count(after), enoki_items_count(before));
                ck_assert_int_eq(enoki_version_compare(enoki_items_version(after, 0),
                                                       enoki_items_version(before, 0)),
                                 ENOKI_ORDER_EQUAL);
                enoki_items_free(after);
            }
            enoki_items_free(before);
            enoki_state_free(state);
        }
    remove_folder();
}
END_TEST

START_TEST(without_memory_opening_says_so_and_works_next_time)
{
    unsigned nth = 0;
    bool failed = true;

    make_folder();
    while (failed) {
        struct enoki_state *state;

        failing_alloc_arm(++nth);
        state = try_open("sync", "", ENOKI_KEYGROUP_ANY);
        failed = failing_alloc_disarm();
        ck_assert(failed ? state == NULL && err.status == ENOKI_ENOMEM : state != NULL);
        enoki_state_free(state);
    }
    ck_assert_uint_gt(nth, 4);
    enoki_state_free(open_state("sync"));
    remove_folder();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_update_counts_on_its_own_node,
        an_import_is_dropped_replaces_or_stays_beside,
        an_imported_tombstone_hides_what_it_covers_and_no_more,
        an_entry_of_zero_counts_in_the_order_and_vanishes_in_a_merge,
        an_empty_version_is_refused_where_items_change,
        a_counter_at_its_end_is_refused_and_changes_nothing,
        an_item_has_at_most_256_siblings,
        a_scan_that_would_hand_out_too_much_is_refused,
        without_memory_every_call_says_so_and_changes_nothing,
        without_memory_opening_says_so_and_works_next_time,
    };

    return check_main("versions", tests, sizeof(tests) / sizeof(tests[0]));
}
