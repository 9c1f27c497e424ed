#include "base/checked.h"
#include "base/clock.h"

#include <enoki/error.h>

#include "check_main.h"

#include <string.h>

START_TEST(reads_decimal_numbers_up_to_a_maximum_and_nothing_else)
{
    uint64_t value = 7;

    ck_assert(en_parse_u64("0", 1, 10, &value) && value == 0);
    ck_assert(en_parse_u64("18446744073709551615", 20, UINT64_MAX, &value) && value == UINT64_MAX);
    value = 7;
    ck_assert(!en_parse_u64("18446744073709551616", 20, UINT64_MAX, &value));
    ck_assert(!en_parse_u64("11", 2, 10, &value));
    ck_assert(!en_parse_u64("", 0, 10, &value));
    ck_assert(!en_parse_u64("+1", 2, 10, &value));
    ck_assert(!en_parse_u64("1 ", 2, 10, &value));
    ck_assert_uint_eq(value, 7);
}
END_TEST

START_TEST(adds_and_multiplies_only_what_fits)
{
    size_t out = 7;

    ck_assert(en_add_size(1, 2, &out) && out == 3);
    ck_assert(en_mul_size(4, 5, &out) && out == 20);
    ck_assert(!en_add_size(SIZE_MAX, 1, &out));
    ck_assert(!en_mul_size(SIZE_MAX, 2, &out));
}
END_TEST

START_TEST(names_are_one_to_255_letters_and_digits)
{
    char longest[ENOKI_NAME_MAX + 1];

    memset(longest, 'a', sizeof(longest));
    ck_assert(en_is_name("aZ09", 4));
    ck_assert(en_is_name(longest, ENOKI_NAME_MAX));
    ck_assert(!en_is_name(longest, ENOKI_NAME_MAX + 1));
    ck_assert(!en_is_name("", 0));
    ck_assert(!en_is_name("a-b", 3));
    ck_assert(!en_is_name("a|", 2));
    ck_assert(!en_is_name("a\0", 2));
}
END_TEST

START_TEST(every_code_has_a_name_and_a_text)
{
#define CHECK(name, code, text)                                                                    \
    ck_assert_str_eq(enoki_error_name(ENOKI_##name), #name);                                       \
    ck_assert_str_eq(enoki_error_text(ENOKI_##name), text);
    ENOKI_ERRORS(CHECK)
#undef CHECK
    ck_assert_str_eq(enoki_error_name(0), "OK");
    ck_assert_str_eq(enoki_error_text(0), "no error");
    ck_assert_str_eq(enoki_error_name(-9999), "EUNKNOWN");
    ck_assert_str_eq(enoki_error_text(-9999), "unknown error");
}
END_TEST

START_TEST(a_long_message_is_cut_and_no_error_struct_is_needed)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    char text[2000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(enoki_error_set(&err, ENOKI_EIO, "%s", text), ENOKI_EIO);
    ck_assert_int_eq(err.status, ENOKI_EIO);
    ck_assert_uint_eq(strlen(err.message), sizeof(err.message) - 1);
    ck_assert_int_eq(enoki_error_set(NULL, ENOKI_EIO, "%s", text), ENOKI_EIO);
    ck_assert_str_eq(enoki_version(), ENOKI_VERSION);
}
END_TEST

START_TEST(clocks_run_forward)
{
    uint64_t before = en_clock_ns();

    ck_assert_uint_ge(en_clock_ns(), before);
    ck_assert_uint_ge(en_clock_ms(), before / 1000000);
    ck_assert_uint_gt(en_clock_wall_ns(), 1700000000000000000u);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        reads_decimal_numbers_up_to_a_maximum_and_nothing_else,
        adds_and_multiplies_only_what_fits,
        names_are_one_to_255_letters_and_digits,
        every_code_has_a_name_and_a_text,
        a_long_message_is_cut_and_no_error_struct_is_needed,
        clocks_run_forward,
    };

    return check_main("text", tests, sizeof(tests) / sizeof(tests[0]));
}
