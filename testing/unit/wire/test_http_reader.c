#include "check_main.h"
#include "http_case.h"

#include "wire/http_chars.h"

#define HOST "Host: a\r\n"

START_TEST(method_path_query_and_headers_come_as_they_were_sent)
{
    struct http_case *c = case_read("PaTCH /fn/sub%20x;y=1?a=b&c=[d] HTTP/1.1\r\n" HOST
                                    "X-One: \t two words \t\r\nEMPTY:\r\nx-one:3\r\n\r\n");
    const struct en_request *request = &c->reader.request;

    ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
    assert_text(request->method, "PaTCH");
    assert_text(request->path, "/fn/sub%20x;y=1");
    assert_text(request->query, "a=b&c=[d]");
    ck_assert_uint_eq(request->header_count, 4);
    assert_text(request->headers[1].name, "X-One");
    assert_text(request->headers[1].value, "two words");
    assert_text(request->headers[2].name, "EMPTY");
    assert_text(request->headers[2].value, "");
    assert_text(request->headers[3].value, "3");
    free(c);
}
END_TEST

START_TEST(bytes_above_127_pass_in_header_values)
{
    struct http_case *c =
        case_read("GET / HTTP/1.1\r\n" HOST "X: \xc3\xa4\xff\xc3\xb6\xc3\xbc!2\r\n\r\n");

    ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
    assert_text(c->reader.request.headers[1].value, "\xc3\xa4\xff\xc3\xb6\xc3\xbc!2");
    free(c);
}
END_TEST

START_TEST(an_absolute_target_gives_its_path)
{
    assert_request("GET http://b:80/a/c?q HTTP/1.1\r\n" HOST "\r\n", "/a/c", "q", "");
    assert_request("GET HTTPS://b/a HTTP/1.1\r\n" HOST "\r\n", "/a", "", "");
    assert_request("GET http://b HTTP/1.1\r\n" HOST "\r\n", "/", "", "");
    assert_request("GET http://b?q=1 HTTP/1.1\r\n" HOST "\r\n", "/", "q=1", "");
}
END_TEST

START_TEST(the_asterisk_is_for_options_only)
{
    assert_request("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "*", "", "");
    assert_refused("GET * HTTP/1.1\r\n" HOST "\r\n", 400);
}
END_TEST

START_TEST(a_bad_target_is_refused)
{
    const char *const targets[] = {
        "a",      "/a#b",    "/a<b",      "/a\"b",     "/%",      "/%4",   "/%zz",
        "/\xc3",  "http://", "http:///a", "ftp://b/a", "b:80",    "/?a#b", "/?%x",
        "//\x7f", "/a{b}",   "/a\\b",     "?a",        "/a?b<c>", "",      "http://u@h/"};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        char text[128];

        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", targets[i]);
        assert_refused(text, 400);
    }
    assert_refused("CONNECT b:80 HTTP/1.1\r\n" HOST "\r\n", 400);
    assert_refused("CONNECT /a HTTP/1.1\r\n" HOST "\r\n", 400);
}
END_TEST

START_TEST(a_body_is_followed_by_a_nul_and_the_next_request_stays_intact)
{
    const char text[] =
        "PUT /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n" HOST "\r\n";
    struct http_case *c = case_read(text);
    size_t rest;

    ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
    assert_text(c->reader.request.body, "abc");
    rest = c->reader.consumed;
    ck_assert_str_eq(text + rest, "GET /b HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_int_eq(memcmp(c->data + rest, text + rest, sizeof(text) - 1 - rest), 0);
    assert_text(c->reader.request.path, "/a");
    assert_text(c->reader.request.headers[1].value, "3");

    en_http_reader_next(&c->reader);
    ck_assert_int_eq(en_http_read(&c->reader, c->data + rest, sizeof(text) - 1 - rest),
                     EN_HTTP_REQUEST);
    assert_text(c->reader.request.path, "/b");
    assert_text(c->reader.request.body, "");
    free(c);
}
END_TEST

START_TEST(an_incomplete_request_is_left_as_it_was_sent)
{
    const char text[] =
        "PUT /a?b HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: x\r\n\r";
    struct http_case *c = case_read(text);

    ck_assert_int_eq(c->result, EN_HTTP_MORE);
    ck_assert_int_eq(memcmp(c->data, text, sizeof(text) - 1), 0);
    free(c);
}
END_TEST

START_TEST(connection_is_a_list_in_any_case)
{
    const struct {
        const char *value;
        bool close;
    } cases[] = {{"close", true},       {"foo, CLOSE", true}, {"close,keep-alive", true},
                 {"keep-alive", false}, {"closed", false},    {", ,\tclose ,", true},
                 {"", false},           {"x close", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        struct http_case *c;

        (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "connection: %s\r\n\r\n",
                       cases[i].value);
        c = case_read(text);
        ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
        ck_assert_msg(c->reader.close == cases[i].close, "'%s'", cases[i].value);
        free(c);
    }
}
END_TEST

START_TEST(headers_that_are_for_us_only_are_not_passed_on)
{
    struct http_case *c =
        case_read("PUT / HTTP/1.1\r\n" HOST "X-Secret: 1\r\nConnection: close, x-secret, x-gone\r\n"
                  "TE: trailers\r\nKEEP-ALIVE: 5\r\nConnection: X-Other\r\nUpgrade: h2c\r\n"
                  "Trailer: T\r\nProxy-Connection: x\r\nx-other: 2\r\nX-Kept: 3\r\nx-kept: 4\r\n"
                  "Transfer-Encoding: chunked\r\nX-OTHER: 5\r\n\r\n1\r\na\r\n0\r\n\r\n");

    ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
    ck_assert(c->reader.close);
    assert_text(c->reader.request.body, "a");
    ck_assert_uint_eq(c->reader.request.header_count, 3);
    assert_text(c->reader.request.headers[0].name, "Host");
    assert_text(c->reader.request.headers[1].value, "3");
    assert_text(c->reader.request.headers[2].value, "4");
    free(c);
}
END_TEST

START_TEST(a_connection_header_names_only_so_many)
{
    char text[512] = "GET / HTTP/1.1\r\n" HOST "Connection: a";

    for (int i = 0; i < 64; i++)
        strcat(text, ",a");
    strcat(text, "\r\n\r\n");
    assert_refused(text, 400);
}
END_TEST

START_TEST(http_1_0_closes)
{
    struct http_case *c = case_read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

    ck_assert(c->reader.close);
    free(c);
}
END_TEST

START_TEST(a_client_that_waits_for_100_is_seen_only_while_its_body_is_missing)
{
    const char head[] =
        "PUT / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
    struct http_case *c = case_read(head);

    ck_assert_int_eq(c->result, EN_HTTP_MORE);
    ck_assert(c->reader.expects_continue);
    ck_assert_uint_eq(c->reader.expected, sizeof(head) - 1 + 2);
    c->data[sizeof(head) - 1] = 'a';
    ck_assert_int_eq(en_http_read(&c->reader, c->data, sizeof(head)), EN_HTTP_MORE);
    ck_assert(!c->reader.expects_continue);
    free(c);
}
END_TEST

START_TEST(other_expectations_get_417)
{
    assert_refused("PUT / HTTP/1.1\r\n" HOST "Expect: coffee\r\nContent-Length: 2\r\n\r\nab", 417);
}
END_TEST

START_TEST(case_and_length_both_count_when_names_are_compared)
{
    ck_assert(en_http_equals("ChunKed", 7, "chunked"));
    ck_assert(!en_http_equals("chunke", 6, "chunked"));
    ck_assert(!en_http_equals("chunkeds", 8, "chunked"));
    ck_assert(!en_http_equals("\x43\x08unked", 7, "chunked"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        method_path_query_and_headers_come_as_they_were_sent,
        bytes_above_127_pass_in_header_values,
        an_absolute_target_gives_its_path,
        the_asterisk_is_for_options_only,
        a_bad_target_is_refused,
        a_body_is_followed_by_a_nul_and_the_next_request_stays_intact,
        an_incomplete_request_is_left_as_it_was_sent,
        connection_is_a_list_in_any_case,
        headers_that_are_for_us_only_are_not_passed_on,
        a_connection_header_names_only_so_many,
        http_1_0_closes,
        a_client_that_waits_for_100_is_seen_only_while_its_body_is_missing,
        other_expectations_get_417,
        case_and_length_both_count_when_names_are_compared,
    };

    return check_main("http reader", tests, sizeof(tests) / sizeof(tests[0]));
}
