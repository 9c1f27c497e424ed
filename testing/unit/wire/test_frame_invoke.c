/* Calls of functions as frames: what proto/frame.md says, and what must not be believed. */
#include "wire/frame_invoke.h"

#include "check_main.h"

#include <string.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static struct en_frame_reader payload_of(const struct en_buffer *out)
{
    return (struct en_frame_reader){(const unsigned char *)out->data + EN_FRAME_HEAD_BYTES,
                                    out->len - EN_FRAME_HEAD_BYTES, false};
}

static void check_text(struct en_text text, const char *expected)
{
    ck_assert_uint_eq(text.len, strlen(expected));
    ck_assert_mem_eq(text.data, expected, text.len);
}

static const struct en_header headers[] = {{TEXT("A"), TEXT("b")}, {TEXT("C"), TEXT("")}};

static const struct en_frame_call call = {.time_ms = 5000,
                                          .is_async = true,
                                          .method = TEXT("POST"),
                                          .subpath = TEXT("/x"),
                                          .query = TEXT("q=1"),
                                          .body = TEXT("body"),
                                          .headers = headers,
                                          .header_count = 2};

START_TEST(a_call_is_as_described_and_comes_back)
{
    struct en_buffer out = EN_BUFFER_INIT(1000);
    struct en_header room[EN_HEADERS_MAX];
    struct en_frame_reader reader;
    struct en_frame_call read;

    ck_assert_int_eq(en_frame_call_put(&out, 7, &call), 0);
    ck_assert_uint_eq((unsigned char)out.data[4], EN_FRAME_CALL);
    ck_assert_mem_eq(out.data + EN_FRAME_HEAD_BYTES,
                     "\x88\x13\0\0\0\0\0\0\x01\x04\0\0\0POST\x02\0\0\0/x\x03\0\0\0q=1\x02\0", 32);
    reader = payload_of(&out);
    ck_assert_int_eq(en_frame_call_take(&reader, &read, room), 0);
    ck_assert_uint_eq(read.time_ms, 5000);
    ck_assert(read.is_async);
    check_text(read.method, "POST");
    check_text(read.subpath, "/x");
    check_text(read.query, "q=1");
    check_text(read.body, "body");
    ck_assert_uint_eq(read.header_count, 2);
    check_text(read.headers[1].name, "C");
    en_buffer_fini(&out);
}
END_TEST

START_TEST(an_answer_comes_back)
{
    struct en_buffer out = EN_BUFFER_INIT(1000);
    struct en_header room[EN_HEADERS_MAX];
    const struct en_frame_answer answer = {
        .status = 404, .is_ours = true, .headers = headers, .header_count = 2, .body = TEXT("no")};
    struct en_frame_answer read;
    struct en_frame_reader reader;

    ck_assert_int_eq(en_frame_answer_put(&out, 7, &answer), 0);
    reader = payload_of(&out);
    ck_assert_int_eq(en_frame_answer_take(&reader, &read, room), 0);
    ck_assert_uint_eq(read.status, 404);
    ck_assert(read.is_ours);
    check_text(read.headers[0].value, "b");
    check_text(read.body, "no");
    en_buffer_fini(&out);
}
END_TEST

START_TEST(what_a_host_asks_for_comes_back)
{
    struct en_buffer out = EN_BUFFER_INIT(1000);
    struct en_header room[EN_HEADERS_MAX];
    const struct en_frame_invoke invoke = {.in_call = 3,
                                           .time_ms = 100,
                                           .is_async = true,
                                           .name = TEXT("echo"),
                                           .method = TEXT("PUT"),
                                           .subpath = TEXT("/x"),
                                           .query = TEXT("a=1"),
                                           .body = TEXT("body"),
                                           .headers = headers,
                                           .header_count = 2};
    struct en_frame_invoke read;
    struct en_frame_reader reader;

    ck_assert_int_eq(en_frame_invoke_put(&out, 7, &invoke), 0);
    reader = payload_of(&out);
    ck_assert_int_eq(en_frame_invoke_take(&reader, &read, room), 0);
    ck_assert_uint_eq(read.in_call, 3);
    ck_assert_uint_eq(read.time_ms, 100);
    ck_assert(read.is_async);
    check_text(read.name, "echo");
    check_text(read.query, "a=1");
    check_text(read.headers[0].value, "b");
    check_text(read.body, "body");
    for (size_t len = 0; len < out.len - EN_FRAME_HEAD_BYTES; len++) {
        reader = payload_of(&out);
        reader.left = len;
        ck_assert_int_eq(en_frame_invoke_take(&reader, &read, room), ENOKI_EPROTO);
    }
    en_buffer_fini(&out);
}
END_TEST

START_TEST(start_hello_and_failed_come_back)
{
    struct en_buffer out = EN_BUFFER_INIT(1000);
    const struct en_text variables[] = {TEXT("K"), TEXT("v w")};
    const struct en_frame_start start = {TEXT(""), TEXT("fn"), TEXT("/code"), TEXT("kg"), 1};
    struct en_frame_start read;
    struct en_frame_reader reader;
    struct en_text name, value;
    int status;

    ck_assert_int_eq(en_frame_start_put(&out, &start, variables), 0);
    reader = payload_of(&out);
    ck_assert_int_eq(en_frame_start_take(&reader, &read), 0);
    check_text(read.folder, "/code");
    ck_assert_uint_eq(read.variable_count, 1);
    en_frame_variable_take(&reader, &name, &value);
    check_text(name, "K");
    check_text(value, "v w");
    ck_assert(en_frame_is_at_end(&reader));

    out.len = 0;
    ck_assert_int_eq(en_frame_hello_put(&out), 0);
    reader = payload_of(&out);
    ck_assert_int_eq(en_frame_hello_take(&reader), 0);

    out.len = 0;
    ck_assert_int_eq(en_frame_failed_put(&out, 0, ENOKI_EPLUGIN, "why"), 0);
    reader = payload_of(&out);
    ck_assert_int_eq(en_frame_failed_take(&reader, &status, &name), 0);
    ck_assert_int_eq(status, ENOKI_EPLUGIN);
    check_text(name, "why");
    en_buffer_fini(&out);
}
END_TEST

START_TEST(what_is_cut_or_out_of_range_is_refused)
{
    struct en_buffer out = EN_BUFFER_INIT(1000);
    struct en_header room[EN_HEADERS_MAX];
    struct en_frame_call read;
    struct en_frame_answer answer = {.status = 199};

    ck_assert_int_eq(en_frame_call_put(&out, 7, &call), 0);
    for (size_t len = 0; len < out.len - EN_FRAME_HEAD_BYTES; len++) {
        struct en_frame_reader reader = payload_of(&out);

        reader.left = len;
        ck_assert_int_eq(en_frame_call_take(&reader, &read, room), ENOKI_EPROTO);
    }
    out.len = 0;
    ck_assert_int_eq(en_frame_answer_put(&out, 7, &answer), 0);
    struct en_frame_reader reader = payload_of(&out);
    ck_assert_int_eq(en_frame_answer_take(&reader, &answer, room), ENOKI_EPROTO);
    en_buffer_fini(&out);
}
END_TEST

START_TEST(a_frame_that_does_not_fit_leaves_nothing)
{
    struct en_buffer out = EN_BUFFER_INIT(30);

    ck_assert_int_eq(en_buffer_append(&out, "before", 6), 0);
    ck_assert_int_eq(en_frame_call_put(&out, 7, &call), ENOKI_ELIMIT);
    ck_assert_uint_eq(out.len, 6);
    en_buffer_fini(&out);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_call_is_as_described_and_comes_back,    an_answer_comes_back,
        what_a_host_asks_for_comes_back,
        start_hello_and_failed_come_back,         what_is_cut_or_out_of_range_is_refused,
        a_frame_that_does_not_fit_leaves_nothing,
    };

    return check_main("frame_invoke", tests, sizeof(tests) / sizeof(tests[0]));
}
