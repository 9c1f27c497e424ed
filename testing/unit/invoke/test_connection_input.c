#include "connection_pair.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <stdio.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct pair p;

START_TEST(what_follows_a_call_in_progress_can_be_handed_over)
{
    const void *input, *output;
    size_t input_len, output_len;
    bool close_after;

    pair_start(&p);
    pair_send(&p, GET("/a") "PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" GET(
                      "/c") "GET /d");
    p.want = en_connection_advance(p.connection, p.now_ms);
    answer(&p);
    ck_assert_int_eq(en_connection_reply(p.connection, &p.reply, p.now_ms), EN_WANT_CALL);
    en_connection_pending(p.connection, &input, &input_len, &output, &output_len, &close_after);
    ck_assert_uint_eq(input_len, strlen(GET("/c")) + 6);
    ck_assert_int_eq(memcmp(input, GET("/c") "GET /d", input_len), 0);
    ck_assert_uint_gt(output_len, 50);
    ck_assert(!close_after);
    ck_assert_int_eq(memcmp((const char *)output + output_len - 7, "GET /a ", 7), 0);

    {
        struct pair other;

        pair_start(&other);
        ck_assert_int_eq(
            en_connection_adopt(other.connection, input, input_len, output, output_len, false), 0);
        pair_say(&other, " HTTP/1.1\r\nHost: a\r\n\r\n");
        ck_assert_str_eq(pair_got(&other), TEXT_REPLY("7", "GET /a ") TEXT_REPLY("7", "GET /c ")
                                               TEXT_REPLY("7", "GET /d "));
        pair_stop(&other);
    }
    pair_stop(&p);
}
END_TEST

START_TEST(a_half_read_request_can_be_handed_over)
{
    const char half[] =
        "PUT /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n2\r\ny";
    const void *input, *output;
    size_t input_len, output_len;
    bool close_after;
    struct pair other;

    pair_start(&p);
    pair_start(&other);
    pair_say(&p, half);
    en_connection_pending(p.connection, &input, &input_len, &output, &output_len, &close_after);
    ck_assert_int_eq(
        en_connection_adopt(other.connection, input, input_len, output, output_len, close_after),
        0);
    pair_say(&other, "z\r\n0\r\n\r\n");
    ck_assert_str_eq(pair_got(&other), TEXT_REPLY("10", "PUT /b xyz"));
    pair_stop(&other);
    pair_stop(&p);
}
END_TEST

START_TEST(a_client_that_was_asked_for_its_body_is_not_asked_again_after_a_hand_over)
{
    const void *input, *output;
    size_t input_len, output_len;
    bool close_after;
    struct pair other;

    pair_start(&p);
    pair_start(&other);
    pair_say(&p, "PUT /b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    ck_assert_str_eq(pair_got(&p), "HTTP/1.1 100 Continue\r\n\r\n");
    ck_assert(en_connection_has_continued(p.connection));
    en_connection_pending(p.connection, &input, &input_len, &output, &output_len, &close_after);
    ck_assert_int_eq(
        en_connection_adopt(other.connection, input, input_len, output, output_len, close_after),
        0);
    en_connection_set_continued(other.connection, true);
    pair_say(&other, "x");
    ck_assert_str_eq(pair_got(&other), TEXT_REPLY("8", "PUT /b x"));
    ck_assert(!en_connection_has_continued(other.connection));
    pair_stop(&other);
    pair_stop(&p);
}
END_TEST

START_TEST(a_last_answer_that_was_handed_over_is_sent_and_the_connection_closed)
{
    pair_start(&p);
    ck_assert_int_eq(
        en_connection_adopt(p.connection, GET("/a"), strlen(GET("/a")), "answer", 6, true), 0);
    ck_assert(!en_connection_is_idle(p.connection));
    pair_run(&p);
    pair_receive(&p);
    ck_assert_str_eq(pair_got(&p), "answer");
    ck_assert(p.got_end);
    ck_assert_uint_eq(p.calls, 0);
    pair_stop(&p);
}
END_TEST

START_TEST(more_than_fits_cannot_be_adopted)
{
    static char input[PAIR_BODY_BYTES + PAIR_HEADER_BYTES + 8192];

    pair_start(&p);
    ck_assert_int_eq(en_connection_adopt(p.connection, input, sizeof(input), "x", 1, false),
                     ENOKI_ELIMIT);
    pair_say(&p, GET("/a"));
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("7", "GET /a "));
    pair_stop(&p);
}
END_TEST

START_TEST(one_object_serves_one_socket_after_the_other)
{
    int ends[2], former;

    pair_start(&p);
    pair_say(&p, GET("/a") "GET /half");
    former = en_connection_fd(p.connection);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    en_connection_reset(p.connection, ends[0], p.now_ms);
    ck_assert(en_connection_is_idle(p.connection));
    (void)close(former);
    (void)close(p.client);
    p.client = ends[1];
    p.got_len = 0;
    pair_say(&p, GET("/b"));
    ck_assert_str_eq(pair_got(&p), TEXT_REPLY("7", "GET /b "));
    pair_stop(&p);
}
END_TEST

/* A chunked request of n chunks of one byte, and its answer in the given memory. */
static void send_tiny_chunks(size_t n)
{
    pair_send(&p, "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < n; i++) {
        pair_send(&p, "1\r\nx\r\n");
        if (i % 50 == 49)
            pair_run(&p);
    }
    pair_send(&p, "0\r\n\r\n");
    while (p.calls == 0 || p.want == EN_WANT_WRITE) {
        pair_run(&p);
        pair_receive(&p);
    }
}

START_TEST(input_may_lie_in_given_memory_and_tiny_chunks_fit_as_well_as_large_ones)
{
    size_t size = PAIR_HEADER_BYTES + PAIR_BODY_BYTES + 4096;
    char *memory = malloc(size);

    ck_assert_ptr_nonnull(memory);
    pair_start_in(&p, memory, size);
    send_tiny_chunks(300000);
    pair_receive(&p);
    ck_assert_uint_gt(p.got_len, 300007);
    ck_assert_int_eq(memcmp(p.got + p.got_len - 300007, "PUT /a xxx", 10), 0);
    pair_stop(&p);
    free(memory);
}
END_TEST

/* Texts that grow: what the client sends, and what it must get. */
struct exchange {
    char sent[1 << 20];
    size_t sent_len;
    char expected[1 << 20];
    size_t expected_len;
};

static void put_format(char *to, size_t *len, const char *format, int a, int b)
{
    *len += (size_t)sprintf(to + *len, format, a, b);
}

static void put_letters(char *to, size_t *len, char letter, int count)
{
    memset(to + *len, letter, (size_t)count);
    *len += (size_t)count;
}

static void put_chunks(struct exchange *x, char letter, int size, unsigned *seed)
{
    while (size > 0) {
        int chunk = 1 + rand_r(seed) % size;

        put_format(x->sent, &x->sent_len, "%X\r\n", chunk, 0);
        put_letters(x->sent, &x->sent_len, letter, chunk);
        put_format(x->sent, &x->sent_len, "\r\n", 0, 0);
        size -= chunk;
    }
    put_format(x->sent, &x->sent_len, "0\r\n\r\n", 0, 0);
}

/* Adds a random request and its answer. */
static void put_exchange(struct exchange *x, int number, unsigned *seed)
{
    int kind = rand_r(seed) % 3, size = rand_r(seed) % (rand_r(seed) % 10 != 0 ? 20 : 20000);
    char letter = (char)('a' + number % 26), head[32];

    if (kind == 0) {
        size = 0;
        put_format(x->sent, &x->sent_len, GET("/%d"), number, 0);
    } else if (kind == 1) {
        put_format(x->sent, &x->sent_len,
                   "PUT /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", number, size);
        put_letters(x->sent, &x->sent_len, letter, size);
    } else {
        put_format(x->sent, &x->sent_len,
                   "PUT /%d HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n", number, 0);
        put_chunks(x, letter, size, seed);
    }
    put_format(x->expected, &x->expected_len,
               "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Length: %d\r\n\r\n",
               size + sprintf(head, "%s /%d ", kind == 0 ? "GET" : "PUT", number), 0);
    x->expected_len += (size_t)sprintf(x->expected + x->expected_len, "%s", head);
    put_letters(x->expected, &x->expected_len, letter, size);
}

START_TEST(random_batches_of_requests_get_their_answers_whatever_their_pieces)
{
    static struct exchange x;
    unsigned seed = 17;

    for (int round = 0; round < 200; round++) {
        int requests = 1 + rand_r(&seed) % 30;
        size_t at = 0;

        x.sent_len = x.expected_len = 0;
        for (int i = 0; i < requests; i++)
            put_exchange(&x, i, &seed);
        x.expected[x.expected_len] = '\0';

        pair_start(&p);
        while (at < x.sent_len || p.want == EN_WANT_WRITE) {
            size_t piece = 1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 2 != 0 ? 50 : 30000);
            ssize_t sent;

            piece = piece < x.sent_len - at ? piece : x.sent_len - at;
            sent = send(p.client, x.sent + at, piece, MSG_NOSIGNAL);
            at += sent > 0 ? (size_t)sent : 0;
            pair_run(&p);
            pair_receive(&p);
        }
        ck_assert_uint_eq(p.calls, (unsigned)requests);
        ck_assert(strcmp(pair_got(&p), x.expected) == 0);
        pair_stop(&p);
    }
}
END_TEST

START_TEST(without_memory_a_client_gets_an_error_or_the_end_and_nothing_leaks)
{
    const char put[] = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n";
    static char body[30000];
    bool failed = true;

    for (unsigned i = 1; failed; i++) {
        struct en_connection *connection = NULL;
        struct en_connection_options options = {.limits = &p.limits};

        memset(body, 'b', sizeof(body));
        pair_start(&p);
        pair_send(&p, GET("/a"));
        pair_send(&p, put);
        pair_send_bytes(&p, body, sizeof(body));
        failing_alloc_arm(i);
        if (en_connection_new(&connection, -1, &options, 0) == 0)
            en_connection_free(connection);
        p.want = en_connection_advance(p.connection, p.now_ms);
        while (p.want == EN_WANT_CALL) {
            const struct en_request *request = en_connection_request(p.connection);

            en_reply_reset(&p.reply);
            en_reply_text(&p.reply, 200, request->body.data);
            p.want = en_connection_reply(p.connection, &p.reply, p.now_ms);
        }
        failed = failing_alloc_disarm();
        pair_receive(&p);
        ck_assert_msg(p.want == EN_WANT_READ || p.want == EN_WANT_CLOSE, "%d", (int)p.want);
        pair_stop(&p);
    }
    ck_assert_uint_gt(p.got_len, sizeof(body));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_follows_a_call_in_progress_can_be_handed_over,
        a_half_read_request_can_be_handed_over,
        a_client_that_was_asked_for_its_body_is_not_asked_again_after_a_hand_over,
        a_last_answer_that_was_handed_over_is_sent_and_the_connection_closed,
        more_than_fits_cannot_be_adopted,
        one_object_serves_one_socket_after_the_other,
        input_may_lie_in_given_memory_and_tiny_chunks_fit_as_well_as_large_ones,
        random_batches_of_requests_get_their_answers_whatever_their_pieces,
        without_memory_a_client_gets_an_error_or_the_end_and_nothing_leaks,
    };

    return check_main("connection input", tests, sizeof(tests) / sizeof(tests[0]));
}
