#include "check_main.h"
#include "http_case.h"

#define HEAD "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

START_TEST(chunks_are_joined)
{
    assert_request(HEAD "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "/a", "", "abcde");
    assert_request(HEAD "0\r\n\r\n", "/a", "", "");
    assert_request(HEAD "00A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n", "/a", "", "0123456789x");
}
END_TEST

START_TEST(the_name_chunked_may_be_in_any_case)
{
    assert_request("POST /a HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n",
                   "/a", "", "");
}
END_TEST

START_TEST(extensions_are_ignored)
{
    assert_request(HEAD "3;a\r\nabc\r\n2 ; b=c;d=\"e;\\\"f\" ;g\r\nde\r\n0;x=y\r\n\r\n", "/a", "",
                   "abcde");
}
END_TEST

START_TEST(trailers_are_checked_and_dropped)
{
    struct http_case *c = case_read(HEAD "1\r\nx\r\n0\r\nX: y\r\nContent-Length: 9\r\n\r\n");

    ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
    ck_assert_uint_eq(c->reader.request.header_count, 1); /* Host */
    assert_refused(HEAD "0\r\nX : y\r\n\r\n", 400);
    assert_refused(HEAD "0\r\nX: y\r\n z\r\n\r\n", 400);
    assert_refused(HEAD "0\r\nX: \x01\r\n\r\n", 400);
    free(c);
}
END_TEST

START_TEST(a_size_that_is_no_hexadecimal_number_is_refused)
{
    const char *const lines[] = {"",      "x",      "-1",      "+1",      "0x1",  " 1",
                                 "1 ",    "1,",     "1;",      "1;=",     "1;a=", "1 x",
                                 "1;a b", "1;a=\"", "1;a=\"b", "1\t;\x01"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text), HEAD "%s\r\nx\r\n0\r\n\r\n", lines[i]);
        assert_refused(text, 400);
    }
}
END_TEST

START_TEST(a_size_that_overflows_is_refused)
{
    assert_refused(HEAD "10000000000000001\r\nx\r\n0\r\n\r\n", 400);
    assert_refused(HEAD "fffffffffffffffff\r\nx\r\n0\r\n\r\n", 400);
}
END_TEST

START_TEST(a_body_above_the_limit_gets_413_while_it_comes)
{
    assert_refused(HEAD "801\r\n", 413);
    assert_refused(HEAD "ffffffffffffffff\r\n", 413);
    assert_refused(HEAD "1\r\nx\r\n800\r\n", 413);
}
END_TEST

START_TEST(a_chunk_longer_or_shorter_than_its_size_is_refused)
{
    assert_refused(HEAD "3\r\nabcd\r\n0\r\n\r\n", 400);
    assert_refused(HEAD "3\r\nab\r\n0\r\n\r\n", 400);
    assert_refused(HEAD "3\r\nabc\n0\r\n\r\n", 400);
}
END_TEST

START_TEST(bare_line_feeds_in_the_framing_are_refused)
{
    assert_refused(HEAD "3\nabc\r\n0\r\n\r\n", 400);
    assert_refused(HEAD "3\r\nabc\r\n0\n\r\n", 400);
    assert_refused(HEAD "3\r\nabc\r\n0\r\n\n", 400);
    assert_refused(HEAD "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n", 400);
}
END_TEST

START_TEST(a_size_line_is_bounded)
{
    char text[1024];
    size_t len = (size_t)snprintf(text, sizeof(text), HEAD "1;");

    memset(text + len, 'a', 300);
    memcpy(text + len + 300, "\r\nx\r\n0\r\n\r\n", 11);
    assert_refused(text, 400);
    memset(text + len, '0', 300);
    assert_refused(text, 400);
}
END_TEST

START_TEST(all_extensions_together_are_bounded)
{
    static char text[16384];
    size_t len = (size_t)snprintf(text, sizeof(text), HEAD);
    struct http_case *c;

    for (int i = 0; i < 40; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "1;%0200d\r\nx\r\n", 7);
    c = case_read(text);
    ck_assert_int_eq(c->result, EN_HTTP_REFUSED);
    ck_assert_int_eq(c->reader.status, 400);
    free(c);
}
END_TEST

START_TEST(trailers_are_bounded_with_the_headers)
{
    char text[4096];
    size_t len = (size_t)snprintf(text, sizeof(text), HEAD "0\r\nX: ");

    memset(text + len, 'a', CASE_HEADER_BYTES);
    memcpy(text + len + CASE_HEADER_BYTES, "\r\n\r\n", 5);
    assert_refused(text, 431);
}
END_TEST

START_TEST(what_follows_a_chunked_request_stays_intact)
{
    const char next[] = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    char text[512];
    struct http_case *c;

    (void)snprintf(text, sizeof(text), HEAD "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n%s", next);
    c = case_read(text);
    ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
    assert_text(c->reader.request.body, "abcde");
    ck_assert_int_eq(memcmp(c->data + c->reader.consumed, next, sizeof(next) - 1), 0);
    free(c);
}
END_TEST

/* Feeds text byte by byte, compacting after every byte. */
static void read_compacting(struct http_case *c, const char *text, size_t len)
{
    size_t used = 0;

    en_http_reader_init(&c->reader, CASE_HEADER_BYTES, CASE_BODY_BYTES);
    c->result = EN_HTTP_MORE;
    for (size_t i = 0; i < len && c->result == EN_HTTP_MORE; i++) {
        c->data[used++] = text[i];
        c->result = en_http_read(&c->reader, c->data, used);
        if (c->result == EN_HTTP_MORE)
            used = en_http_reader_compact(&c->reader, c->data, used);
    }
}

START_TEST(a_body_of_tiny_chunks_takes_little_more_room_than_its_bytes)
{
    static char text[32768];
    char body[1001];
    size_t len = (size_t)snprintf(text, sizeof(text), HEAD);
    struct http_case *c = case_read(HEAD);
    size_t used;

    for (size_t i = 0; i < 1000; i++) {
        body[i] = (char)('a' + i % 26);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s1;x\r\n%c\r\n",
                                i % 7 == 0 ? "00" : "", body[i]);
    }
    body[1000] = '\0';
    read_compacting(c, text, len);
    ck_assert_int_eq(c->result, EN_HTTP_MORE);
    used = c->reader.line;
    ck_assert_uint_lt(used, sizeof(HEAD) + 1000 + 16);

    /* What is there is the same request: somebody else can read it from its first byte on. */
    memcpy(c->data + used, "0\r\nT: x\r\n\r\n", 12);
    en_http_reader_init(&c->reader, CASE_HEADER_BYTES, CASE_BODY_BYTES);
    ck_assert_int_eq(en_http_read(&c->reader, c->data, used + 11), EN_HTTP_REQUEST);
    assert_text(c->reader.request.body, body);
    free(c);
}
END_TEST

START_TEST(compacting_at_any_byte_changes_nothing)
{
    const char text[] = HEAD "1\r\na\r\n00002;x=y\r\nbc\r\n10\r\n0123456789abcdef\r\n1\r\nz\r\n"
                             "0;q\r\nT: x\r\nU: y\r\n\r\n";
    struct http_case *c = case_read(HEAD);

    read_compacting(c, text, sizeof(text) - 1);
    ck_assert_int_eq(c->result, EN_HTTP_REQUEST);
    assert_text(c->reader.request.body, "abc0123456789abcdefz");
    free(c);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        chunks_are_joined,
        the_name_chunked_may_be_in_any_case,
        extensions_are_ignored,
        trailers_are_checked_and_dropped,
        a_size_that_is_no_hexadecimal_number_is_refused,
        a_size_that_overflows_is_refused,
        a_body_above_the_limit_gets_413_while_it_comes,
        a_chunk_longer_or_shorter_than_its_size_is_refused,
        bare_line_feeds_in_the_framing_are_refused,
        a_size_line_is_bounded,
        all_extensions_together_are_bounded,
        trailers_are_bounded_with_the_headers,
        what_follows_a_chunked_request_stays_intact,
        a_body_of_tiny_chunks_takes_little_more_room_than_its_bytes,
        compacting_at_any_byte_changes_nothing,
    };

    return check_main("http chunked", tests, sizeof(tests) / sizeof(tests[0]));
}
