#include "connection_pair.h"

#include "check_main.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct pair p;

START_TEST(a_request_is_answered_and_the_connection_stays_open)
{
    pair_start(&p);
    pair_say(&p, GET("/a"));
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("7", "GET /a "));
    ck_assert_int_eq(p.want, EN_WANT_READ);
    ck_assert(en_connection_is_idle(p.connection));
    pair_say(&p, GET("/b"));
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("7", "GET /a ") TEXT_REPLY("7", "GET /b "));
    pair_stop(&p);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order_and_in_one_send)
{
    char first[4096];
    ssize_t got;

    pair_start(&p);
    pair_send(&p, GET("/a") "PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz" GET("/c"));
    p.want = en_connection_advance(p.connection, p.now_ms);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(p.want, EN_WANT_CALL);
        ck_assert_int_lt(recv(p.client, first, 1, MSG_PEEK), 0); /* nothing is out yet */
        answer(&p);
        p.want = en_connection_reply(p.connection, &p.reply, p.now_ms);
    }
    ck_assert_int_eq(p.want, EN_WANT_READ);
    got = recv(p.client, first, sizeof(first), MSG_PEEK);
    ck_assert_int_gt(got, 0);
    pair_receive(&p);
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("7", "GET /a ") TEXT_REPLY("10", "PUT /b xyz")
                                       TEXT_REPLY("7", "GET /c "));
    pair_stop(&p);
}
END_TEST

START_TEST(answers_that_wait_can_be_sent_before_a_long_call)
{
    pair_start(&p);
    pair_send(&p, GET("/a") GET("/b"));
    ck_assert_int_eq(en_connection_advance(p.connection, p.now_ms), EN_WANT_CALL);
    answer(&p);
    ck_assert_int_eq(en_connection_reply(p.connection, &p.reply, p.now_ms), EN_WANT_CALL);
    ck_assert_int_eq(en_connection_flush(p.connection), EN_WANT_READ);
    pair_receive(&p);
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("7", "GET /a "));
    ck_assert_uint_eq(en_connection_deadline(p.connection), UINT64_MAX);
    pair_stop(&p);
}
END_TEST

START_TEST(a_request_split_at_every_byte_is_answered_alike)
{
    const char text[] = "POST /a?q HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" GET("/b");

    for (size_t i = 0; i < sizeof(text); i++) {
        pair_start(&p);
        pair_send_bytes(&p, text, i);
        pair_run(&p);
        pair_send_bytes(&p, text + i, sizeof(text) - 1 - i);
        pair_run(&p);
        pair_receive(&p);
        ck_assert_str_eq(pair_got(&p),
                         TEXT_REPLY("13", "POST /a abcde") TEXT_REPLY("7", "GET /b "));
        pair_stop(&p);
    }
}
END_TEST

START_TEST(head_gets_the_length_but_no_body)
{
    pair_start(&p);
    pair_say(&p, "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n" GET("/a"));
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("8", "") TEXT_REPLY("7", "GET /a "));
    pair_stop(&p);
}
END_TEST

START_TEST(a_204_has_neither_length_nor_type_and_an_empty_200_has_no_type)
{
    pair_start(&p);
    pair_say(&p, GET("/204") GET("/empty"));
    ck_assert_str_eq(pair_got(&p), "HTTP/1.1 204 No Content\r\n\r\n"
                                   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    pair_stop(&p);
}
END_TEST

START_TEST(what_is_no_text_is_an_octet_stream_and_a_type_of_the_functions_own_is_kept)
{
    pair_start(&p);
    pair_say(&p, GET("/typed") GET("/binary"));
    ck_assert_str_eq(pair_got(&p),
                     "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\ntyped"
                     "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                     "Content-Length: 3\r\n\r\n\xff");
    ck_assert_int_eq(p.got[p.got_len - 1], 'x');
    pair_stop(&p);
}
END_TEST

START_TEST(connection_close_is_answered_and_closed)
{
    pair_start(&p);
    pair_say(&p, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n");
    ck_assert_str_eq(pair_got(&p), LAST_REPLY("7", "GET /a "));
    ck_assert_int_eq(p.want, EN_WANT_CLOSE);
    pair_stop(&p);
}
END_TEST

START_TEST(http_1_0_is_answered_and_closed)
{
    pair_start(&p);
    pair_say(&p, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ck_assert_str_eq(pair_got(&p), LAST_REPLY("7", "GET /a "));
    ck_assert_int_eq(p.want, EN_WANT_CLOSE);
    pair_stop(&p);
}
END_TEST

START_TEST(requests_behind_connection_close_are_not_run)
{
    pair_start(&p);
    pair_say(&p, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/b"));
    ck_assert_str_eq(pair_got(&p), LAST_REPLY("7", "GET /a "));
    ck_assert_uint_eq(p.calls, 1);
    ck_assert(p.got_end);
    ck_assert_int_eq(p.want, EN_WANT_READ); /* lingers until the client closes */
    (void)close(p.client);
    p.client = -1;
    pair_run(&p);
    ck_assert_int_eq(p.want, EN_WANT_CLOSE);
    pair_stop(&p);
}
END_TEST

START_TEST(a_draining_connection_closes_after_the_answer_in_progress)
{
    pair_start(&p);
    pair_send(&p, GET("/a"));
    ck_assert_int_eq(en_connection_advance(p.connection, p.now_ms), EN_WANT_CALL);
    en_connection_close_after(p.connection);
    answer(&p);
    ck_assert_int_eq(en_connection_reply(p.connection, &p.reply, p.now_ms), EN_WANT_CLOSE);
    pair_receive(&p);
    ck_assert_str_eq(pair_got(&p), LAST_REPLY("7", "GET /a "));
    pair_stop(&p);
}
END_TEST

START_TEST(a_bad_request_gets_a_reason_and_the_client_may_read_it_before_the_end)
{
    pair_start(&p);
    pair_say(&p, GET("/a") "GET /b HTTP/1.1\r\n\r\n" GET("/c"));
    ck_assert_ptr_nonnull(strstr(pair_got(&p), "HTTP/1.1 400 Bad Request\r\n"));
    ck_assert_ptr_nonnull(strstr(pair_got(&p), "Connection: close\r\n\r\nno Host header"));
    ck_assert_uint_eq(p.calls, 1);
    ck_assert(p.got_end);
    ck_assert_int_eq(p.want, EN_WANT_READ);
    pair_say(&p, "more that nobody reads");
    ck_assert_int_eq(p.want, EN_WANT_READ);
    ck_assert_uint_eq(en_connection_deadline(p.connection), p.now_ms + 1000);
    ck_assert_int_eq(en_connection_expire(p.connection, p.now_ms + 1000), EN_WANT_CLOSE);
    pair_stop(&p);
}
END_TEST

START_TEST(a_bad_head_request_gets_no_body_either)
{
    pair_start(&p);
    pair_say(&p, "HEAD /b HTTP/1.1\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(pair_got(&p), " 400 "));
    ck_assert_str_eq(p.got + p.got_len - 4, "\r\n\r\n");
    pair_stop(&p);
}
END_TEST

START_TEST(a_client_that_expects_100_gets_it_once_and_only_if_the_body_is_missing)
{
    const char head[] =
        "PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";

    pair_start(&p);
    pair_say(&p, head);
    ck_assert_str_eq(pair_got(&p), "HTTP/1.1 100 Continue\r\n\r\n");
    pair_run(&p);
    pair_say(&p, "x");
    ck_assert_str_eq(pair_got(&p), "HTTP/1.1 100 Continue\r\n\r\n");
    pair_say(&p, "y");
    ck_assert_str_eq(pair_got(&p), "HTTP/1.1 100 Continue\r\n\r\n" TEXT_REPLY("9", "PUT /a xy"));
    p.got_len = 0;
    pair_send(&p, head);
    pair_say(&p, "zz");
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("9", "PUT /a zz"));
    pair_stop(&p);
}
END_TEST

START_TEST(a_body_that_will_be_refused_is_not_asked_for)
{
    pair_start(&p);
    pair_say(&p, "PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                 "Content-Length: 1048577\r\n\r\n");
    ck_assert_int_eq(strncmp(pair_got(&p), "HTTP/1.1 413 ", 13), 0);
    pair_stop(&p);
}
END_TEST

START_TEST(a_large_body_and_a_large_answer_pass)
{
    static char body[PAIR_BODY_BYTES];
    const char head[] = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    size_t sent = 0;

    pair_start(&p);
    memset(body, 'b', sizeof(body));
    pair_send(&p, head);
    while (sent < sizeof(body)) {
        ssize_t n = send(p.client, body + sent, sizeof(body) - sent, MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        pair_run(&p);
    }
    while (p.want == EN_WANT_WRITE || p.calls == 0) {
        pair_run(&p);
        pair_receive(&p);
    }
    pair_receive(&p);
    ck_assert_uint_eq(p.calls, 1);
    ck_assert_uint_gt(p.got_len, sizeof(body));
    ck_assert_int_eq(memcmp(p.got + p.got_len - sizeof(body), body, sizeof(body)), 0);
    ck_assert(en_connection_is_idle(p.connection));
    pair_stop(&p);
}
END_TEST

START_TEST(an_answer_that_the_client_does_not_read_waits_and_then_is_cut)
{
    pair_start(&p);
    pair_send(&p, GET("/large"));
    pair_run(&p);
    ck_assert_int_eq(p.want, EN_WANT_WRITE);
    ck_assert(!en_connection_is_idle(p.connection));
    ck_assert_uint_eq(en_connection_deadline(p.connection), p.now_ms + 20000);
    p.now_ms += 15000;
    ck_assert_int_eq(en_connection_expire(p.connection, p.now_ms), EN_WANT_WRITE);
    pair_receive(&p);
    pair_run(&p);
    ck_assert_int_eq(p.want, EN_WANT_WRITE);
    ck_assert_uint_eq(en_connection_deadline(p.connection), p.now_ms + 20000);
    p.now_ms += 20000;
    ck_assert_int_eq(en_connection_expire(p.connection, p.now_ms), EN_WANT_CLOSE);
    pair_stop(&p);
}
END_TEST

START_TEST(a_pipeline_of_large_answers_does_not_pile_up)
{
    pair_start(&p);
    for (int i = 0; i < 20; i++)
        pair_send(&p, GET("/large"));
    pair_run(&p);
    ck_assert_uint_eq(p.calls, 1);
    for (int i = 0; i < 100000 && p.want == EN_WANT_WRITE; i++) {
        pair_receive(&p);
        p.got_len = 0;
        pair_run(&p);
    }
    ck_assert_uint_eq(p.calls, 20);
    ck_assert(en_connection_is_idle(p.connection));
    pair_stop(&p);
}
END_TEST

START_TEST(a_slow_request_gets_408_and_an_idle_connection_just_ends)
{
    pair_start(&p);
    ck_assert_uint_eq(en_connection_deadline(p.connection), p.now_ms + 60000);
    ck_assert_int_eq(en_connection_expire(p.connection, p.now_ms + 59999), EN_WANT_READ);
    p.now_ms += 30000;
    pair_say(&p, "GET /a");
    ck_assert(!en_connection_is_idle(p.connection));
    ck_assert_uint_eq(en_connection_deadline(p.connection), p.now_ms + 20000);
    p.now_ms += 10000;
    pair_say(&p, "bc");
    ck_assert_uint_eq(en_connection_deadline(p.connection), p.now_ms + 10000);
    p.now_ms += 10000;
    ck_assert_int_eq(en_connection_expire(p.connection, p.now_ms), EN_WANT_READ);
    pair_receive(&p);
    ck_assert_int_eq(strncmp(pair_got(&p), "HTTP/1.1 408 ", 13), 0);
    ck_assert(p.got_end);
    pair_stop(&p);

    pair_start(&p);
    pair_say(&p, "\r\n");
    ck_assert(en_connection_is_idle(p.connection));
    ck_assert_int_eq(en_connection_expire(p.connection, p.now_ms + 60000), EN_WANT_CLOSE);
    pair_receive(&p);
    ck_assert_uint_eq(p.got_len, 0);
    pair_stop(&p);
}
END_TEST

START_TEST(a_client_that_goes_away_ends_the_connection)
{
    pair_start(&p);
    pair_send(&p, GET("/a") "GET /b");
    (void)shutdown(p.client, SHUT_WR);
    pair_run(&p);
    pair_receive(&p);
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("7", "GET /a "));
    pair_run(&p);
    ck_assert_int_eq(p.want, EN_WANT_CLOSE);
    pair_stop(&p);

    pair_start(&p);
    pair_send(&p, GET("/a"));
    (void)close(p.client);
    p.client = -1;
    pair_run(&p);
    ck_assert_int_eq(p.want, EN_WANT_CLOSE);
    pair_stop(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_request_is_answered_and_the_connection_stays_open,
        pipelined_requests_are_answered_in_order_and_in_one_send,
        answers_that_wait_can_be_sent_before_a_long_call,
        a_request_split_at_every_byte_is_answered_alike,
        head_gets_the_length_but_no_body,
        a_204_has_neither_length_nor_type_and_an_empty_200_has_no_type,
        what_is_no_text_is_an_octet_stream_and_a_type_of_the_functions_own_is_kept,
        connection_close_is_answered_and_closed,
        http_1_0_is_answered_and_closed,
        requests_behind_connection_close_are_not_run,
        a_draining_connection_closes_after_the_answer_in_progress,
        a_bad_request_gets_a_reason_and_the_client_may_read_it_before_the_end,
        a_bad_head_request_gets_no_body_either,
        a_client_that_expects_100_gets_it_once_and_only_if_the_body_is_missing,
        a_body_that_will_be_refused_is_not_asked_for,
        a_large_body_and_a_large_answer_pass,
        an_answer_that_the_client_does_not_read_waits_and_then_is_cut,
        a_pipeline_of_large_answers_does_not_pile_up,
        a_slow_request_gets_408_and_an_idle_connection_just_ends,
        a_client_that_goes_away_ends_the_connection,
    };

    return check_main("connection", tests, sizeof(tests) / sizeof(tests[0]));
}
