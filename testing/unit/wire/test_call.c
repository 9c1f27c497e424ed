#include "wire/call.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct en_header sent_headers[] = {{TEXT("A"), TEXT("1")}, {TEXT("Empty"), TEXT("")}};

static const struct en_call_record sent = {
    .request = {.method = TEXT("POST"),
                .path = TEXT("/name/sub"),
                .query = TEXT("q=1"),
                .body = TEXT("a\0b"),
                .headers = sent_headers,
                .header_count = 2},
    .subpath_len = 4,
};

START_TEST(a_call_arrives_as_it_was_sent)
{
    struct en_buffer bytes = EN_BUFFER_INIT(1000);
    struct en_header headers[EN_HEADERS_MAX];
    struct en_call_record got;

    ck_assert_int_eq(en_call_encode(&bytes, &sent), 0);
    ck_assert_int_eq(en_call_decode(&got, headers, bytes.data, bytes.len), 0);
    ck_assert_str_eq(got.request.method.data, "POST");
    ck_assert_str_eq(got.request.path.data, "/name/sub");
    ck_assert_str_eq(got.request.query.data, "q=1");
    ck_assert_uint_eq(got.request.body.len, 3);
    ck_assert_mem_eq(got.request.body.data, "a\0b", 4);
    ck_assert_uint_eq(got.request.header_count, 2);
    ck_assert_str_eq(got.request.headers[1].name.data, "Empty");
    ck_assert_uint_eq(got.request.headers[1].value.len, 0);
    ck_assert_uint_eq(got.subpath_len, 4);
    en_buffer_fini(&bytes);
}
END_TEST

START_TEST(a_call_that_is_cut_anywhere_is_refused)
{
    struct en_buffer bytes = EN_BUFFER_INIT(1000);
    struct en_header headers[EN_HEADERS_MAX];
    struct en_call_record got;

    ck_assert_int_eq(en_call_encode(&bytes, &sent), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        /* A copy of exactly that size, so that a sanitizer sees every byte read too far. */
        char *cut = malloc(len > 0 ? len : 1);

        memcpy(cut, bytes.data, len);
        ck_assert_int_eq(en_call_decode(&got, headers, cut, len), ENOKI_EPROTO);
        free(cut);
    }
    ck_assert_int_eq(en_buffer_append(&bytes, "x", 1), 0);
    ck_assert_int_eq(en_call_decode(&got, headers, bytes.data, bytes.len), ENOKI_EPROTO);
    en_buffer_fini(&bytes);
}
END_TEST

START_TEST(a_call_with_any_number_changed_is_refused_or_stays_in_its_bytes)
{
    struct en_buffer bytes = EN_BUFFER_INIT(1000);
    struct en_header headers[EN_HEADERS_MAX];
    struct en_call_record got;

    ck_assert_int_eq(en_call_encode(&bytes, &sent), 0);
    for (size_t at = 0; at < bytes.len; at++) {
        char old = bytes.data[at];

        bytes.data[at] = (char)0xff;
        if (en_call_decode(&got, headers, bytes.data, bytes.len) == 0)
            ck_assert(got.request.body.data + got.request.body.len <= bytes.data + bytes.len);
        bytes.data[at] = old;
    }
    en_buffer_fini(&bytes);
}
END_TEST

static int decode_answer(const char *headers, const char *body, int status,
                         struct en_answer_record *got, char *room)
{
    const struct en_answer_record answer = {.status = status,
                                            .has_content_type = true,
                                            .header_count = 1,
                                            .headers = {headers, strlen(headers)},
                                            .body = {body, strlen(body)}};

    en_answer_encode_head(room, &answer);
    memcpy(room + EN_ANSWER_HEAD_BYTES, headers, strlen(headers));
    memcpy(room + EN_ANSWER_HEAD_BYTES + strlen(headers), body, strlen(body));
    return en_answer_decode(got, room, EN_ANSWER_HEAD_BYTES + strlen(headers) + strlen(body));
}

START_TEST(an_answer_arrives_as_it_was_sent)
{
    struct en_answer_record got;
    char room[200];

    ck_assert_int_eq(decode_answer("A: b\r\nC: d\r\n", "body", 201, &got, room), 0);
    ck_assert_int_eq(got.status, 201);
    ck_assert(got.has_content_type);
    ck_assert_uint_eq(got.headers.len, 12);
    ck_assert_mem_eq(got.body.data, "body", got.body.len);
    ck_assert_int_eq(decode_answer("", "", 200, &got, room), 0);
}
END_TEST

START_TEST(an_answer_that_would_split_the_response_is_refused)
{
    struct en_answer_record got;
    char room[200];

    ck_assert_int_eq(decode_answer("A: b\r\n\r\nx\r\n", "", 200, &got, room), ENOKI_EPROTO);
    ck_assert_int_eq(decode_answer("A: b\n", "", 200, &got, room), ENOKI_EPROTO);
    ck_assert_int_eq(decode_answer("A: b", "", 200, &got, room), ENOKI_EPROTO);
    ck_assert_int_eq(decode_answer("A: b\r", "", 200, &got, room), ENOKI_EPROTO);
    ck_assert_int_eq(decode_answer("A: b\r\n", "", 99, &got, room), ENOKI_EPROTO);
    ck_assert_int_eq(decode_answer("A: b\r\n", "", 600, &got, room), ENOKI_EPROTO);
    ck_assert_int_eq(en_answer_decode(&got, room, EN_ANSWER_HEAD_BYTES - 1), ENOKI_EPROTO);
    ck_assert_int_eq(decode_answer("", "body", 200, &got, room), 0);
    ck_assert_int_eq(en_answer_decode(&got, room, EN_ANSWER_HEAD_BYTES + 3), ENOKI_EPROTO);
}
END_TEST

START_TEST(encoding_survives_every_failed_allocation)
{
    for (unsigned i = 1;; i++) {
        struct en_buffer bytes = EN_BUFFER_INIT(1000);
        int rc;

        failing_alloc_arm(i);
        rc = en_call_encode(&bytes, &sent);
        if (!failing_alloc_disarm()) {
            ck_assert_int_eq(rc, 0);
            en_buffer_fini(&bytes);
            break;
        }
        ck_assert_int_eq(rc, ENOKI_ENOMEM);
        en_buffer_fini(&bytes);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_call_arrives_as_it_was_sent,
        a_call_that_is_cut_anywhere_is_refused,
        a_call_with_any_number_changed_is_refused_or_stays_in_its_bytes,
        an_answer_arrives_as_it_was_sent,
        an_answer_that_would_split_the_response_is_refused,
        encoding_survives_every_failed_allocation,
    };

    return check_main("call", tests, sizeof(tests) / sizeof(tests[0]));
}
