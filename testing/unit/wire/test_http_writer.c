#include "wire/http_writer.h"

#include "check_main.h"
#include "failing_alloc.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DATE "Date: Tue, 24 Nov 2026 00:17:00 GMT\r\n"

START_TEST(a_head_has_status_date_type_headers_and_length)
{
    struct en_buffer out = EN_BUFFER_INIT(10000);
    struct en_http_head head = {.status = 404,
                                .date = DATE,
                                .content_type = "text/plain",
                                .headers = {"X: y\r\n", 6},
                                .content_length = 1234567890,
                                .close = true};

    ck_assert_int_eq(en_http_write_head(&out, &head), 0);
    ck_assert_str_eq(out.data, "HTTP/1.1 404 Not Found\r\n" DATE "Content-Type: text/plain\r\n"
                               "X: y\r\nContent-Length: 1234567890\r\nConnection: close\r\n\r\n");
    en_buffer_fini(&out);
}
END_TEST

START_TEST(a_status_that_has_no_body_gets_no_length)
{
    struct en_buffer out = EN_BUFFER_INIT(10000);
    struct en_http_head head = {.status = 204, .date = DATE};

    ck_assert_int_eq(en_http_write_head(&out, &head), 0);
    ck_assert_str_eq(out.data, "HTTP/1.1 204 No Content\r\n" DATE "\r\n");
    ck_assert(en_http_status_is_bodiless(204) && en_http_status_is_bodiless(304));
    ck_assert(!en_http_status_is_bodiless(200) && !en_http_status_is_bodiless(500));
    en_buffer_fini(&out);
}
END_TEST

START_TEST(a_status_nobody_has_named_is_sent_without_a_name)
{
    struct en_buffer out = EN_BUFFER_INIT(10000);
    struct en_http_head head = {.status = 299, .date = DATE};

    ck_assert_int_eq(en_http_write_head(&out, &head), 0);
    ck_assert_str_eq(out.data, "HTTP/1.1 299 \r\n" DATE "Content-Length: 0\r\n\r\n");
    en_buffer_fini(&out);
}
END_TEST

START_TEST(without_memory_nothing_is_written)
{
    struct en_buffer out = EN_BUFFER_INIT(10000);
    struct en_http_head head = {.status = 200, .date = DATE};

    failing_alloc_arm(1);
    ck_assert_int_eq(en_http_write_head(&out, &head), ENOKI_ENOMEM);
    ck_assert(failing_alloc_disarm());
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(the_date_is_right_on_every_day_until_2200)
{
    char ours[EN_HTTP_DATE_BYTES], theirs[64];

    for (time_t at = 3661; at < 7258118400; at += 86400 - 7) {
        struct tm parts;

        en_http_write_date(ours, (uint64_t)at);
        ck_assert_ptr_nonnull(gmtime_r(&at, &parts));
        (void)strftime(theirs, sizeof(theirs), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        ck_assert_str_eq(ours, theirs);
    }
}
END_TEST

START_TEST(text_is_recognised_at_every_length_and_position)
{
    char text[100];

    for (size_t len = 0; len < sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        ck_assert(en_utf8_is_valid(text, len));
        for (size_t at = 0; at < len; at++) {
            text[at] = (char)0xff;
            ck_assert(!en_utf8_is_valid(text, len));
            text[at] = 'a';
        }
    }
}
END_TEST

START_TEST(every_kind_of_broken_utf_8_is_found)
{
    const char *const good[] = {"\xc2\x80",
                                "\xdf\xbf",
                                "\xe0\xa0\x80",
                                "\xed\x9f\xbf",
                                "\xee\x80\x80",
                                "\xf0\x90\x80\x80",
                                "\xf4\x8f\xbf\xbf",
                                "a\xc3\xa4"
                                "b\xe2\x82\xac"};
    const char *const bad[] = {"\x80",
                               "\xbf",
                               "\xc0\xaf",
                               "\xc1\xbf",
                               "\xc2",
                               "\xc2 ",
                               "\xe0\x9f\xbf",
                               "\xed\xa0\x80",
                               "\xe2\x82",
                               "\xe2\x82 ",
                               "\xf0\x8f\xbf\xbf",
                               "\xf4\x90\x80\x80",
                               "\xf5\x80\x80\x80",
                               "\xf0\x90\x80",
                               "\xf0\x90\x80 ",
                               "\xff"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(en_utf8_is_valid(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!en_utf8_is_valid(bad[i], strlen(bad[i])), "bad %zu", i);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_head_has_status_date_type_headers_and_length,
        a_status_that_has_no_body_gets_no_length,
        a_status_nobody_has_named_is_sent_without_a_name,
        without_memory_nothing_is_written,
        the_date_is_right_on_every_day_until_2200,
        text_is_recognised_at_every_length_and_position,
        every_kind_of_broken_utf_8_is_found,
    };

    return check_main("http writer", tests, sizeof(tests) / sizeof(tests[0]));
}
