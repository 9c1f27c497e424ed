#include "wire/version.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <string.h>

static struct enoki_version *clock_of(const char *text)
{
    struct enoki_version *version;

    ck_assert_int_eq(enoki_version_parse(&version, text, NULL), 0);
    return version;
}

static void check_order(const char *a_text, const char *b_text, enum enoki_order wanted)
{
    struct enoki_version *a = clock_of(a_text), *b = clock_of(b_text);

    ck_assert_int_eq(enoki_version_compare(a, b), wanted);
    enoki_version_free(a);
    enoki_version_free(b);
}

START_TEST(clocks_are_ordered_as_fred_orders_them)
{
    check_order("", "", ENOKI_ORDER_EQUAL);
    check_order("a=1,b=2", "b=2,a=1", ENOKI_ORDER_EQUAL);
    check_order("a=1", "a=2", ENOKI_ORDER_BEFORE);
    check_order("a=2", "a=1", ENOKI_ORDER_AFTER);
    check_order("", "a=1", ENOKI_ORDER_BEFORE);
    check_order("a=1", "b=1", ENOKI_ORDER_CONCURRENT);
    check_order("a=2,b=1", "a=1,b=2", ENOKI_ORDER_CONCURRENT);
    /* A zero is present and counts. */
    check_order("a=0", "", ENOKI_ORDER_AFTER);
}
END_TEST

START_TEST(a_write_supersedes_all_that_it_has_seen)
{
    struct enoki_version *a = clock_of("a=3,b=1"), *b = clock_of("b=4,c=0");
    const struct en_version_view seen[] = {en_version_view(a), en_version_view(b)};
    struct en_buffer out = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES), text = EN_BUFFER_INIT(1000);
    struct en_version_view view;

    ck_assert_int_eq(en_version_supersede(seen, 2, "b", &out), 0);
    ck_assert_int_eq(en_version_view_read(out.data, out.len, &view), 0);
    ck_assert_int_eq(en_version_text(view, &text), 0);
    ck_assert_str_eq(text.data, "a=3,b=5");
    en_buffer_fini(&out);
    en_buffer_fini(&text);
    enoki_version_free(a);
    enoki_version_free(b);
}
END_TEST

START_TEST(a_counter_at_its_end_is_refused_instead_of_starting_again)
{
    struct enoki_version *a = clock_of("a=18446744073709551615");
    const struct en_version_view seen[] = {en_version_view(a)};
    struct en_buffer out = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);

    ck_assert_int_eq(en_version_supersede(seen, 1, "a", &out), ENOKI_ELIMIT);
    ck_assert_uint_eq(out.len, 0);
    en_buffer_fini(&out);
    enoki_version_free(a);
}
END_TEST

START_TEST(text_that_is_no_clock_is_refused_with_the_form)
{
    static const char *const bad[] = {
        "a", "a=", "=1", "a=1,", "a=1,a=2", "a=-1", "a=x", "a|b=1", "a=18446744073709551616"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct enoki_error err = ENOKI_ERROR_INIT;
        struct enoki_version *version;

        ck_assert_int_eq(enoki_version_parse(&version, bad[i], &err), ENOKI_EINVAL);
        ck_assert_str_ne(err.message, "");
    }
}
END_TEST

START_TEST(entries_are_sorted_by_node)
{
    struct enoki_version *version = clock_of("b=2,a=1");
    uint64_t counter;

    ck_assert_uint_eq(enoki_version_count(version), 2);
    ck_assert_str_eq(enoki_version_node(version, 0, &counter), "a");
    ck_assert_uint_eq(counter, 1);
    ck_assert_str_eq(enoki_version_node(version, 1, &counter), "b");
    enoki_version_free(version);
    enoki_version_free(NULL);
}
END_TEST

START_TEST(parsing_survives_every_failed_allocation)
{
    for (unsigned i = 1;; i++) {
        struct enoki_version *version = NULL;
        int rc;

        failing_alloc_arm(i);
        rc = enoki_version_parse(&version, "a=1,b=2,c=3", NULL);
        if (!failing_alloc_disarm()) {
            ck_assert_int_eq(rc, 0);
            enoki_version_free(version);
            break;
        }
        ck_assert_int_eq(rc, ENOKI_ENOMEM);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        clocks_are_ordered_as_fred_orders_them,
        a_write_supersedes_all_that_it_has_seen,
        a_counter_at_its_end_is_refused_instead_of_starting_again,
        text_that_is_no_clock_is_refused_with_the_form,
        entries_are_sorted_by_node,
        parsing_survives_every_failed_allocation,
    };

    return check_main("version", tests, sizeof(tests) / sizeof(tests[0]));
}
