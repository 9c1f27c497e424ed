#include "base/buffer.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <string.h>

START_TEST(grows_with_what_is_appended_and_ends_in_a_nul)
{
    struct en_buffer buffer = EN_BUFFER_INIT(10000);

    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(en_buffer_appendf(&buffer, "%d,", i % 10), 0);
    ck_assert_uint_eq(buffer.len, 2000);
    ck_assert_uint_eq(strlen(buffer.data), 2000);
    en_buffer_fini(&buffer);
}
END_TEST

START_TEST(refuses_more_than_its_maximum_and_keeps_what_it_has)
{
    struct en_buffer buffer = EN_BUFFER_INIT(5);

    ck_assert_int_eq(en_buffer_append_text(&buffer, "12345"), 0);
    ck_assert_int_eq(en_buffer_append_text(&buffer, "6"), ENOKI_ELIMIT);
    ck_assert_int_eq(en_buffer_appendf(&buffer, "%d", 6), ENOKI_ELIMIT);
    ck_assert_int_eq(en_buffer_reserve(&buffer, SIZE_MAX), ENOKI_ELIMIT);
    ck_assert_str_eq(buffer.data, "12345");
    en_buffer_fini(&buffer);
}
END_TEST

START_TEST(forgets_its_content_and_gives_large_memory_back)
{
    struct en_buffer buffer = EN_BUFFER_INIT(1000);

    ck_assert_int_eq(en_buffer_append_text(&buffer, "abc"), 0);
    en_buffer_clear(&buffer, 64);
    ck_assert_uint_eq(buffer.len, 0);
    ck_assert_str_eq(buffer.data, "");
    ck_assert_int_eq(en_buffer_reserve(&buffer, 500), 0);
    en_buffer_clear(&buffer, 64);
    ck_assert_ptr_null(buffer.data);
}
END_TEST

START_TEST(survives_a_failed_allocation)
{
    struct en_buffer buffer = EN_BUFFER_INIT(1000);

    failing_alloc_arm(1);
    ck_assert_int_eq(en_buffer_append_text(&buffer, "abc"), ENOKI_ENOMEM);
    ck_assert(failing_alloc_disarm());
    ck_assert_int_eq(en_buffer_append_text(&buffer, "abc"), 0);
    ck_assert_str_eq(buffer.data, "abc");
    en_buffer_fini(&buffer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        grows_with_what_is_appended_and_ends_in_a_nul,
        refuses_more_than_its_maximum_and_keeps_what_it_has,
        forgets_its_content_and_gives_large_memory_back,
        survives_a_failed_allocation,
    };

    return check_main("buffer", tests, sizeof(tests) / sizeof(tests[0]));
}
