/* Frames as bytes: what proto/frame.md says, and what must not be believed. */
#include "wire/frame.h"

#include "check_main.h"

#include <enoki/error.h>
#include <string.h>

#define CHECK_BYTES(buffer, text)                                                                  \
    do {                                                                                           \
        ck_assert_uint_eq((buffer).len, sizeof(text) - 1);                                         \
        ck_assert_mem_eq((buffer).data, text, sizeof(text) - 1);                                   \
    } while (0)

START_TEST(a_frame_is_as_described)
{
    struct en_buffer out = EN_BUFFER_INIT(1000);
    size_t at;

    ck_assert_int_eq(en_frame_begin(&out, EN_FRAME_READ, 0x0102030405060708, &at), 0);
    ck_assert_int_eq(en_frame_put_u64(&out, 5000), 0);
    ck_assert_int_eq(en_frame_put_bytes(&out, "ada", 3), 0);
    ck_assert_int_eq(en_frame_end(&out, at), 0);
    CHECK_BYTES(out, "\x0f\0\0\0\x10\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01"
                     "\x88\x13\0\0\0\0\0\0\x03\0\0\0ada");
    en_buffer_fini(&out);
}
END_TEST

START_TEST(every_field_comes_back_as_it_went_in)
{
    struct en_buffer out = EN_BUFFER_INIT(1000);
    struct en_frame_reader reader;
    struct en_frame_head head;
    const char *bytes;
    size_t at, len;

    ck_assert_int_eq(en_buffer_append(&out, "before", 6), 0);
    ck_assert_int_eq(en_frame_begin(&out, EN_FRAME_ITEMS, 7, &at), 0);
    ck_assert_int_eq(en_frame_put_u8(&out, 0xfe), 0);
    ck_assert_int_eq(en_frame_put_u16(&out, 0xfedc), 0);
    ck_assert_int_eq(en_frame_put_u32(&out, 0xfedcba98), 0);
    ck_assert_int_eq(en_frame_put_u64(&out, 0xfedcba9876543210), 0);
    ck_assert_int_eq(en_frame_put_bytes(&out, "a\0b", 3), 0);
    ck_assert_int_eq(en_frame_put_bytes(&out, NULL, 0), 0);
    ck_assert_int_eq(en_frame_end(&out, at), 0);

    ck_assert_int_eq(en_frame_head_read(out.data + 6, &head), 0);
    ck_assert_uint_eq(head.type, EN_FRAME_ITEMS);
    ck_assert_uint_eq(head.call, 7);
    ck_assert_uint_eq(head.len, out.len - 6 - EN_FRAME_HEAD_BYTES);
    reader = (struct en_frame_reader){(const unsigned char *)out.data + 6 + EN_FRAME_HEAD_BYTES,
                                      head.len, false};
    ck_assert_uint_eq(en_frame_take_u8(&reader), 0xfe);
    ck_assert_uint_eq(en_frame_take_u16(&reader), 0xfedc);
    ck_assert_uint_eq(en_frame_take_u32(&reader), 0xfedcba98);
    ck_assert_uint_eq(en_frame_take_u64(&reader), 0xfedcba9876543210);
    bytes = en_frame_take_bytes(&reader, &len);
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(bytes, "a\0b", 3);
    ck_assert(!en_frame_is_at_end(&reader));
    (void)en_frame_take_bytes(&reader, &len);
    ck_assert_uint_eq(len, 0);
    ck_assert(en_frame_is_at_end(&reader));
    en_buffer_fini(&out);
}
END_TEST

START_TEST(flags_and_reserved_bytes_that_are_set_are_refused)
{
    struct en_frame_head head;
    char bytes[EN_FRAME_HEAD_BYTES] = {0};

    bytes[4] = EN_FRAME_READ;
    ck_assert_int_eq(en_frame_head_read(bytes, &head), 0);
    for (size_t i = 5; i < 8; i++) {
        bytes[i] = 1;
        ck_assert_int_eq(en_frame_head_read(bytes, &head), ENOKI_EPROTO);
        bytes[i] = 0;
    }
}
END_TEST

START_TEST(a_field_that_is_not_all_there_makes_everything_behind_it_bad)
{
    static const unsigned char bytes[] = {4, 0, 0, 0, 'a', 'b', 'c'};
    struct en_frame_reader reader = {bytes, sizeof(bytes), false};
    size_t len = 1;

    ck_assert_str_eq(en_frame_take_bytes(&reader, &len), "");
    ck_assert_uint_eq(len, 0);
    ck_assert(reader.is_bad);
    ck_assert_uint_eq(en_frame_take_u8(&reader), 0);
    ck_assert(!en_frame_is_at_end(&reader));
}
END_TEST

START_TEST(a_length_near_its_end_does_not_wrap)
{
    static const unsigned char bytes[] = {0xff, 0xff, 0xff, 0xff, 'a'};
    struct en_frame_reader reader = {bytes, sizeof(bytes), false};
    size_t len;

    ck_assert_str_eq(en_frame_take_bytes(&reader, &len), "");
    ck_assert(reader.is_bad);
}
END_TEST

START_TEST(what_does_not_fit_the_buffer_is_an_error)
{
    struct en_buffer out = EN_BUFFER_INIT(EN_FRAME_HEAD_BYTES + 4);
    size_t at;

    ck_assert_int_eq(en_frame_begin(&out, EN_FRAME_READ, 1, &at), 0);
    ck_assert_int_ne(en_frame_put_u64(&out, 1), 0);
    ck_assert_int_eq(en_frame_put_u32(&out, 1), 0);
    ck_assert_int_ne(en_frame_put_bytes(&out, "a", 1), 0);
    en_buffer_fini(&out);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_frame_is_as_described,
        every_field_comes_back_as_it_went_in,
        flags_and_reserved_bytes_that_are_set_are_refused,
        a_field_that_is_not_all_there_makes_everything_behind_it_bad,
        a_length_near_its_end_does_not_wrap,
        what_does_not_fit_the_buffer_is_an_error,
    };

    return check_main("frame", tests, sizeof(tests) / sizeof(tests[0]));
}
