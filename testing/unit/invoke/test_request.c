#include "invoke/request.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <string.h>

static struct en_reply reply;

START_TEST(a_header_is_found_in_any_case_and_the_first_one_wins)
{
    const struct en_header headers[] = {
        {{"X-One", 5}, {"1", 1}}, {{"x-one", 5}, {"2", 1}}, {{"X-On", 4}, {"3", 1}}};
    const struct en_request request = {.headers = headers, .header_count = 3};

    ck_assert_str_eq(en_request_header(&request, "x-ONE")->data, "1");
    ck_assert_str_eq(en_request_header(&request, "X-on")->data, "3");
    ck_assert_ptr_null(en_request_header(&request, "X-Two"));
    ck_assert_ptr_null(en_request_header(&request, "X\rone"));
    ck_assert_ptr_null(en_request_header(&request, ""));
}
END_TEST

START_TEST(a_reply_starts_as_an_empty_200_and_can_be_used_again)
{
    en_reply_init(&reply, 1 << 20);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(reply.body.len, 0);
    en_reply_text(&reply, 404, "nothing here");
    ck_assert_int_eq(reply.status, 404);
    ck_assert_str_eq(reply.body.data, "nothing here");
    ck_assert_int_eq(en_reply_add_header(&reply, "X-A", "b", NULL), 0);
    en_reply_reset(&reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(reply.header_count, 0);
    ck_assert_uint_eq(reply.headers.len, 0);
    ck_assert_uint_eq(reply.body.len, 0);
    en_reply_fini(&reply);
}
END_TEST

START_TEST(a_large_reply_gives_its_memory_back)
{
    en_reply_init(&reply, 1 << 20);
    ck_assert_int_eq(en_buffer_reserve(&reply.body, 500000), 0);
    en_reply_reset(&reply);
    ck_assert_ptr_null(reply.body.data);
    en_reply_fini(&reply);
}
END_TEST

START_TEST(headers_become_lines_in_their_order)
{
    en_reply_init(&reply, 100);
    ck_assert_int_eq(en_reply_add_header(&reply, "X-A", "1", NULL), 0);
    ck_assert_int_eq(en_reply_add_header(&reply, "X-B", "", NULL), 0);
    ck_assert_int_eq(en_reply_add_header(&reply, "X-A", "caf\xc3\xa9 \t!", NULL), 0);
    ck_assert_str_eq(reply.headers.data, "X-A: 1\r\nX-B: \r\nX-A: caf\xc3\xa9 \t!\r\n");
    ck_assert(!reply.has_content_type);
    en_reply_fini(&reply);
}
END_TEST

START_TEST(the_last_content_type_replaces_the_others)
{
    en_reply_init(&reply, 100);
    ck_assert_int_eq(en_reply_add_header(&reply, "X-A", "1", NULL), 0);
    ck_assert_int_eq(en_reply_add_header(&reply, "content-type", "text/html", NULL), 0);
    ck_assert_int_eq(en_reply_add_header(&reply, "X-B", "2", NULL), 0);
    ck_assert_int_eq(en_reply_add_header(&reply, "Content-Type", "text/css", NULL), 0);
    ck_assert_str_eq(reply.headers.data, "X-A: 1\r\nX-B: 2\r\nContent-Type: text/css\r\n");
    ck_assert_uint_eq(reply.header_count, 3);
    ck_assert(reply.has_content_type);
    en_reply_fini(&reply);
}
END_TEST

START_TEST(a_header_that_would_break_the_answer_is_refused_with_a_reason)
{
    const char *const bad[][2] = {{"", "x"},
                                  {"X Y", "x"},
                                  {"X:", "x"},
                                  {"X\r\nY", "x"},
                                  {"X", "a\r\nY: b"},
                                  {"X", "a\nb"},
                                  {"X", "\x7f"},
                                  {"Content-Length", "3"},
                                  {"transfer-encoding", "chunked"},
                                  {"CONNECTION", "close"},
                                  {"Date", "now"}};

    en_reply_init(&reply, 100);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct enoki_error err = ENOKI_ERROR_INIT;

        ck_assert_int_eq(en_reply_add_header(&reply, bad[i][0], bad[i][1], &err), ENOKI_EINVAL);
        ck_assert_int_eq(err.status, ENOKI_EINVAL);
        ck_assert_uint_gt(strlen(err.message), 10);
    }
    ck_assert_uint_eq(reply.headers.len, 0);
    en_reply_fini(&reply);
}
END_TEST

START_TEST(headers_are_limited_in_number_and_bytes)
{
    static char large[EN_REPLY_HEADERS_BYTES + 1];

    en_reply_init(&reply, 100);
    memset(large, 'x', sizeof(large) - 1);
    ck_assert_int_eq(en_reply_add_header(&reply, "X", large, NULL), ENOKI_ELIMIT);
    ck_assert_int_eq(en_reply_add_header(&reply, large, "x", NULL), ENOKI_ELIMIT);
    large[EN_REPLY_HEADERS_BYTES - 5] = '\0';
    ck_assert_int_eq(en_reply_add_header(&reply, "X", large, NULL), 0);
    en_reply_reset(&reply);

    ck_assert_int_eq(en_reply_add_header(&reply, "Content-Type", "a/b", NULL), 0);
    for (unsigned i = 1; i < EN_REPLY_HEADERS_MAX; i++)
        ck_assert_int_eq(en_reply_add_header(&reply, "X", "y", NULL), 0);
    ck_assert_int_eq(en_reply_add_header(&reply, "X", "y", NULL), ENOKI_ELIMIT);
    ck_assert_int_eq(en_reply_add_header(&reply, "Content-Type", "c/d", NULL), 0);
    ck_assert_uint_eq(reply.header_count, EN_REPLY_HEADERS_MAX);
    en_reply_fini(&reply);
}
END_TEST

START_TEST(without_memory_a_header_is_refused_and_a_text_is_empty)
{
    en_reply_init(&reply, 100);
    failing_alloc_arm(1);
    ck_assert_int_eq(en_reply_add_header(&reply, "X", "y", NULL), ENOKI_ENOMEM);
    ck_assert(failing_alloc_disarm());
    ck_assert_uint_eq(reply.header_count, 0);
    failing_alloc_arm(1);
    en_reply_text(&reply, 500, "text");
    ck_assert(failing_alloc_disarm());
    ck_assert_int_eq(reply.status, 500);
    ck_assert_uint_eq(reply.body.len, 0);
    en_reply_fini(&reply);
}
END_TEST

START_TEST(a_text_longer_than_allowed_is_cut)
{
    en_reply_init(&reply, 4);
    en_reply_text(&reply, 500, "too long");
    ck_assert_str_eq(reply.body.data, "too ");
    en_reply_fini(&reply);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_header_is_found_in_any_case_and_the_first_one_wins,
        a_reply_starts_as_an_empty_200_and_can_be_used_again,
        a_large_reply_gives_its_memory_back,
        headers_become_lines_in_their_order,
        the_last_content_type_replaces_the_others,
        a_header_that_would_break_the_answer_is_refused_with_a_reason,
        headers_are_limited_in_number_and_bytes,
        without_memory_a_header_is_refused_and_a_text_is_empty,
        a_text_longer_than_allowed_is_cut,
    };

    return check_main("request", tests, sizeof(tests) / sizeof(tests[0]));
}
