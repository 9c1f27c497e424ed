/* A caller's connection to whoever runs a function, against one that answers by hand. */
#include "invoke/link.h"

#include "base/clock.h"
#include "check_main.h"
#include "net/pass.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct en_frame_call call = {
    .time_ms = 1000, .method = {"POST", 4}, .subpath = {"", 0}, .query = {"", 0}, .body = {"b", 1}};

/* The other side: what it sends once the first bytes are there, and whether it hangs up then. */
struct other {
    int routes[2];
    pthread_t thread;
    struct en_buffer words;
    bool hangs_up;
    int fd;
    char asked[300];
    int asked_len;
};

static void *speak(void *context)
{
    struct other *other = context;
    char bytes[4096];

    while (other->asked_len == 0)
        other->asked_len =
            en_pass_receive(other->routes[1], other->asked, sizeof(other->asked), &other->fd);
    ck_assert(en_pass_is_stream(other->fd));
    ck_assert(recv(other->fd, bytes, sizeof(bytes), 0) > 0);
    if (other->words.len > 0)
        ck_assert_int_eq(send(other->fd, other->words.data, other->words.len, MSG_NOSIGNAL),
                         (ssize_t)other->words.len);
    if (other->hangs_up)
        ck_assert_int_eq(close(other->fd), 0);
    return NULL;
}

static void set_up(struct other *other)
{
    *other = (struct other){.words = EN_BUFFER_INIT(65536), .fd = -1};
    ck_assert_int_eq(en_pass_pair(other->routes), 0);
}

static struct en_link *open_link(struct other *other)
{
    struct en_link *link;

    ck_assert_int_eq(pthread_create(&other->thread, NULL, speak, other), 0);
    ck_assert_int_eq(
        en_link_new(&link, other->routes[0], EN_LINK_DIRECT, "name", en_clock_ms() + 10000), 0);
    return link;
}

static void answer(struct other *other, uint64_t number, uint16_t status, const char *body)
{
    const struct en_frame_answer made = {.status = status, .body = {body, strlen(body)}};

    ck_assert_int_eq(en_frame_answer_put(&other->words, number, &made), 0);
}

/* Makes one call; what became of it. */
static int ask(struct other *other, struct enoki_answer **out, bool *stays, struct enoki_error *err)
{
    struct en_link *link = open_link(other);
    int rc = en_link_call(link, &call, en_clock_ms() + 500, out, stays, err);

    ck_assert_int_eq(pthread_join(other->thread, NULL), 0);
    if (*stays)
        ck_assert_int_eq(en_link_is_open(link), 1);
    en_link_free(link);
    en_buffer_fini(&other->words);
    return rc;
}

static int ask_simply(struct other *other, struct enoki_error *err)
{
    struct enoki_answer *got = NULL;
    bool stays;
    int rc = ask(other, &got, &stays, err);

    ck_assert_int_eq(stays, 0);
    enoki_answer_free(got);
    return rc;
}

START_TEST(an_answer_is_handed_out_and_the_link_stays)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_answer *got = NULL;
    struct other other;
    bool stays;

    set_up(&other);
    ck_assert_int_eq(en_frame_empty_put(&other.words, EN_FRAME_READY, 0), 0);
    answer(&other, 1, 404, "what");
    ck_assert_int_eq(ask(&other, &got, &stays, &err), 0);
    ck_assert_int_eq(stays, 1);
    ck_assert_int_eq(enoki_answer_status(got), 404);
    ck_assert_str_eq(enoki_answer_body(got, NULL), "what");
    ck_assert_str_eq(enoki_answer_content_type(got), "");
    ck_assert_ptr_null(enoki_answer_header_at(got, 0, NULL));
    enoki_answer_free(got);
    ck_assert_int_eq(other.asked_len, 5);
    ck_assert_mem_eq(other.asked, "\1name", 5);
}
END_TEST

START_TEST(an_answer_to_a_call_before_is_not_taken_for_this_ones)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_answer *got = NULL;
    struct other other;
    bool stays;

    set_up(&other);
    answer(&other, 0, 502, "late");
    answer(&other, 1, 200, "mine");
    ck_assert_int_eq(ask(&other, &got, &stays, &err), 0);
    ck_assert_str_eq(enoki_answer_body(got, NULL), "mine");
    enoki_answer_free(got);
}
END_TEST

START_TEST(a_retired_link_goes_after_its_answer)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct other other;

    set_up(&other);
    ck_assert_int_eq(en_frame_empty_put(&other.words, EN_FRAME_READY, 0), 0);
    ck_assert_int_eq(en_frame_empty_put(&other.words, EN_FRAME_RETIRE, 1), 0);
    answer(&other, 1, 200, "last");
    ck_assert_int_eq(ask_simply(&other, &err), 0);
}
END_TEST

START_TEST(what_was_not_taken_can_go_another_way)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct other other;

    set_up(&other);
    other.hangs_up = true;
    ck_assert_int_eq(ask_simply(&other, &err), ENOKI_ECLOSED);
    set_up(&other);
    ck_assert_int_eq(en_frame_empty_put(&other.words, EN_FRAME_READY, 0), 0);
    ck_assert_int_eq(en_frame_empty_put(&other.words, EN_FRAME_RETIRE, 0), 0);
    ck_assert_int_eq(ask_simply(&other, &err), ENOKI_ECLOSED);
}
END_TEST

START_TEST(what_was_taken_and_lost_is_answered_502)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_answer *got = NULL;
    struct other other;
    bool stays;

    set_up(&other);
    ck_assert_int_eq(en_frame_empty_put(&other.words, EN_FRAME_READY, 0), 0);
    other.hangs_up = true;
    ck_assert_int_eq(ask(&other, &got, &stays, &err), 0);
    ck_assert_int_eq(stays, 0);
    ck_assert_int_eq(enoki_answer_status(got), 502);
    enoki_answer_free(got);
}
END_TEST

START_TEST(a_refusal_is_an_error_with_its_words)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct other other;

    set_up(&other);
    ck_assert_int_eq(en_frame_failed_put(&other.words, 1, ENOKI_ENOTFOUND, "nobody"), 0);
    ck_assert_int_eq(ask_simply(&other, &err), ENOKI_ENOTFOUND);
    ck_assert_str_eq(err.message, "nobody");
}
END_TEST

START_TEST(what_does_not_come_is_not_waited_for)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct other other;

    set_up(&other);
    ck_assert_int_eq(ask_simply(&other, &err), ENOKI_ETIMEOUT);
}
END_TEST

START_TEST(nonsense_is_no_answer)
{
    static const char *const words[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "\4\0\0\0\x43\0\0\0\1\0\0\0\0\0\0\0what", /* an ANSWER that is cut */
        "\0\0\0\0\x42\0\0\0\1\0\0\0\0\0\0\0",     /* a CALL */
    };
    static const size_t lens[] = {19, 20, 16};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct other other;

    for (size_t i = 0; i < 3; i++) {
        set_up(&other);
        ck_assert_int_eq(en_buffer_append(&other.words, words[i], lens[i]), 0);
        ck_assert_int_eq(ask_simply(&other, &err), ENOKI_EPROTO);
    }
    set_up(&other);
    answer(&other, 2, 200, "of another call");
    ck_assert_int_eq(ask_simply(&other, &err), ENOKI_EPROTO);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {an_answer_is_handed_out_and_the_link_stays,
                                  an_answer_to_a_call_before_is_not_taken_for_this_ones,
                                  a_retired_link_goes_after_its_answer,
                                  what_was_not_taken_can_go_another_way,
                                  what_was_taken_and_lost_is_answered_502,
                                  a_refusal_is_an_error_with_its_words,
                                  what_does_not_come_is_not_waited_for,
                                  nonsense_is_no_answer};

    return check_main("link", tests, sizeof(tests) / sizeof(tests[0]));
}
