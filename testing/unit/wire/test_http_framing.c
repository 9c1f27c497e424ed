#include "check_main.h"
#include "http_case.h"

#define HOST "Host: a\r\n"

START_TEST(a_get_with_a_body_is_a_request_with_a_body)
{
    assert_request("GET /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "/a", "", "hello");
}
END_TEST

START_TEST(a_request_without_length_has_no_body)
{
    assert_request("POST /a HTTP/1.1\r\n" HOST "\r\n", "/a", "", "");
}
END_TEST

START_TEST(one_empty_line_before_a_request_is_skipped)
{
    assert_request("\r\nGET /a HTTP/1.1\r\n" HOST "\r\n", "/a", "", "");
}
END_TEST

START_TEST(two_empty_lines_before_a_request_are_refused)
{
    assert_refused("\r\n\r\nGET /a HTTP/1.1\r\n" HOST "\r\n", 400);
}
END_TEST

START_TEST(a_leading_zero_in_content_length_is_a_number)
{
    assert_request("PUT /a HTTP/1.1\r\n" HOST "Content-Length: 0003\r\n\r\nabc", "/a", "", "abc");
}
END_TEST

START_TEST(a_duplicate_content_length_is_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
                   400);
}
END_TEST

START_TEST(differing_content_lengths_are_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabcd",
                   400);
}
END_TEST

START_TEST(a_list_of_content_lengths_is_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400);
}
END_TEST

START_TEST(a_signed_content_length_is_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400);
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc", 400);
}
END_TEST

START_TEST(a_content_length_that_is_no_decimal_number_is_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", 400);
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\nabc", 400);
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400);
}
END_TEST

START_TEST(a_content_length_that_overflows_is_too_large)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
                   413);
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n", 413);
}
END_TEST

START_TEST(a_body_above_the_limit_is_refused_before_it_is_read)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 2049\r\n\r\n", 413);
}
END_TEST

START_TEST(space_before_the_colon_is_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc", 400);
    assert_refused("POST /a HTTP/1.1\r\n" HOST "X\t: 3\r\n\r\n", 400);
}
END_TEST

START_TEST(a_transfer_encoding_other_than_chunked_is_refused)
{
    const char *const values[] = {"gzip, chunked",  "chunked, gzip", "identity", "chunked,",
                                  "xchunked",       "chunked;a=b",   "",         "\"chunked\"",
                                  "chunked chunked"};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text),
                       "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: %s\r\n\r\n0\r\n\r\n",
                       values[i]);
        assert_refused(text, 400);
    }
}
END_TEST

START_TEST(two_transfer_encodings_are_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   400);
}
END_TEST

START_TEST(transfer_encoding_with_content_length_is_refused)
{
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
                   "Content-Length: 5\r\n\r\n0\r\n\r\n",
                   400);
    assert_refused("POST /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   400);
}
END_TEST

START_TEST(transfer_encoding_in_http_1_0_is_refused)
{
    assert_refused("POST /a HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}
END_TEST

START_TEST(a_folded_header_is_refused)
{
    assert_refused("GET /a HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\n Host: a\r\n\r\n", 400);
}
END_TEST

START_TEST(a_nul_anywhere_is_refused)
{
    const char in_value[] = "GET /a HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";
    const char in_name[] = "GET /a HTTP/1.1\r\n" HOST "X\0Y: a\r\n\r\n";
    const char in_target[] = "GET /a\0b HTTP/1.1\r\n" HOST "\r\n";

    assert_refused_bytes(in_value, sizeof(in_value) - 1, 400);
    assert_refused_bytes(in_name, sizeof(in_name) - 1, 400);
    assert_refused_bytes(in_target, sizeof(in_target) - 1, 400);
}
END_TEST

START_TEST(control_characters_in_a_header_are_refused)
{
    for (int c = 1; c < 128; c++) {
        char text[128];

        if ((c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n')
            continue;
        (void)snprintf(text, sizeof(text), "GET /a HTTP/1.1\r\n" HOST "X: 12345678%c9\r\n\r\n", c);
        assert_refused(text, 400);
    }
}
END_TEST

START_TEST(a_bare_line_feed_or_carriage_return_is_refused)
{
    assert_refused("GET /a HTTP/1.1\n" HOST "\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\nHost: a\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\nHost: a\r\n\n", 400);
    assert_refused("GET /a HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\r\n" HOST "\r\n", 400);
    assert_refused("\nGET /a HTTP/1.1\r\n" HOST "\r\n", 400);
}
END_TEST

START_TEST(a_missing_host_is_refused_but_not_in_http_1_0)
{
    assert_refused("GET /a HTTP/1.1\r\n\r\n", 400);
    assert_request("GET /a HTTP/1.0\r\n\r\n", "/a", "", "");
}
END_TEST

START_TEST(a_duplicate_host_is_refused)
{
    assert_refused("GET /a HTTP/1.1\r\n" HOST HOST "\r\n", 400);
    assert_refused("GET /a HTTP/1.0\r\n" HOST HOST "\r\n", 400);
}
END_TEST

START_TEST(a_host_that_is_none_is_refused)
{
    assert_refused("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\nHost: u@a\r\n\r\n", 400);
    assert_request("GET /a HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", "/a", "", "");
    assert_request("GET /a HTTP/1.1\r\nHost:\r\n\r\n", "/a", "", "");
}
END_TEST

START_TEST(a_bad_version_is_refused)
{
    assert_refused("GET /a HTTP/1.2\r\n" HOST "\r\n", 400);
    assert_refused("GET /a HTTP/0.9\r\n" HOST "\r\n", 400);
    assert_refused("GET /a HTTP/1.10\r\n" HOST "\r\n", 400);
    assert_refused("GET /a http/1.1\r\n" HOST "\r\n", 400);
    assert_refused("GET /a HTTP/1\r\n" HOST "\r\n", 400);
    assert_refused("GET /a\r\n" HOST "\r\n", 400);
    assert_refused("GET /a \r\n" HOST "\r\n", 400);
    assert_refused("GET /a HTTP/1.1 \r\n" HOST "\r\n", 400);
}
END_TEST

START_TEST(http_2_and_later_get_505)
{
    assert_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    assert_refused("GET /a HTTP/3.0\r\n" HOST "\r\n", 505);
}
END_TEST

START_TEST(a_method_that_is_no_token_is_refused)
{
    assert_refused("G(T /a HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_refused(" GET /a HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_refused("GET\t/a HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_refused("/a HTTP/1.1\r\n" HOST "\r\n", 400);
}
END_TEST

START_TEST(a_header_name_that_is_no_token_is_refused)
{
    assert_refused("GET /a HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\n" HOST "a(b: c\r\n\r\n", 400);
    assert_refused("GET /a HTTP/1.1\r\n" HOST "\xc3\xa4: c\r\n\r\n", 400);
}
END_TEST

START_TEST(a_request_line_above_the_limit_gets_431)
{
    char text[CASE_HEADER_BYTES + 200];

    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    assert_refused_bytes(text, sizeof(text), 431);
}
END_TEST

START_TEST(headers_above_the_limit_get_431_and_at_the_limit_pass)
{
    char text[CASE_HEADER_BYTES + 64];
    const char start[] = "GET /a HTTP/1.1\r\n" HOST "X: ";
    const char path[] = "/a";

    for (size_t over = 0; over <= 1; over++) {
        size_t len = CASE_HEADER_BYTES + over;

        memset(text, 'x', sizeof(text));
        memcpy(text, start, sizeof(start) - 1);
        memcpy(text + len - 4, "\r\n\r\n", 5);
        if (over > 0)
            assert_refused(text, 431);
        else
            assert_request(text, path, "", "");
    }
}
END_TEST

START_TEST(more_headers_than_allowed_get_431)
{
    static char text[8192];
    struct http_case *c;

    for (unsigned count = EN_HEADERS_MAX; count <= EN_HEADERS_MAX + 1; count++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost:\r\n");

        for (unsigned i = 1; i < count; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "X:\r\n");
        (void)snprintf(text + len, sizeof(text) - len, "\r\n");
        c = case_read(text);
        ck_assert_int_eq(c->result, count == EN_HEADERS_MAX ? EN_HTTP_REQUEST : EN_HTTP_REFUSED);
        ck_assert_int_eq(c->reader.status, count == EN_HEADERS_MAX ? 0 : 431);
        free(c);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_get_with_a_body_is_a_request_with_a_body,
        a_request_without_length_has_no_body,
        one_empty_line_before_a_request_is_skipped,
        two_empty_lines_before_a_request_are_refused,
        a_leading_zero_in_content_length_is_a_number,
        a_duplicate_content_length_is_refused,
        differing_content_lengths_are_refused,
        a_list_of_content_lengths_is_refused,
        a_signed_content_length_is_refused,
        a_content_length_that_is_no_decimal_number_is_refused,
        a_content_length_that_overflows_is_too_large,
        a_body_above_the_limit_is_refused_before_it_is_read,
        space_before_the_colon_is_refused,
        a_transfer_encoding_other_than_chunked_is_refused,
        two_transfer_encodings_are_refused,
        transfer_encoding_with_content_length_is_refused,
        transfer_encoding_in_http_1_0_is_refused,
        a_folded_header_is_refused,
        a_nul_anywhere_is_refused,
        control_characters_in_a_header_are_refused,
        a_bare_line_feed_or_carriage_return_is_refused,
        a_missing_host_is_refused_but_not_in_http_1_0,
        a_duplicate_host_is_refused,
        a_host_that_is_none_is_refused,
        a_bad_version_is_refused,
        http_2_and_later_get_505,
        a_method_that_is_no_token_is_refused,
        a_header_name_that_is_no_token_is_refused,
        a_request_line_above_the_limit_gets_431,
        headers_above_the_limit_get_431_and_at_the_limit_pass,
        more_headers_than_allowed_get_431,
    };

    return check_main("http framing", tests, sizeof(tests) / sizeof(tests[0]));
}
