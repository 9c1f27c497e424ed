/* Values on their way to FReD, which takes UTF-8 only, and back. */
#include "check_main.h"

#include "state/fred/value.h"

#include <enoki/error.h>
#include <string.h>

static void check(const char *value, size_t len, const char *sent, size_t sent_len)
{
    struct en_buffer room = EN_BUFFER_INIT(1u << 20), back = EN_BUFFER_INIT(1u << 20);
    const struct en_tls_api *api;
    struct enoki_error err = ENOKI_ERROR_INIT;
    const void *text, *bytes;
    size_t text_len, bytes_len;

    ck_assert_msg(en_tls_api_load(&api, &err) == 0, "%s", err.message);
    ck_assert_int_eq(en_fred_value_encode(api, value, len, &room, &text, &text_len), 0);
    ck_assert_uint_eq(text_len, sent_len);
    ck_assert_mem_eq(text, sent, sent_len);
    ck_assert_int_eq(en_fred_value_decode(api, text, text_len, &back, &bytes, &bytes_len), 0);
    ck_assert_uint_eq(bytes_len, len);
    ck_assert_mem_eq(bytes, value, len);
    en_buffer_fini(&room);
    en_buffer_fini(&back);
}

#define CHECK(value, sent) check(value, sizeof(value) - 1, sent, sizeof(sent) - 1)

START_TEST(text_is_sent_as_it_is_and_other_bytes_marked)
{
    CHECK("hello", "hello");
    CHECK("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
    CHECK("a\0b", "a\0b");
    CHECK("\xff", "enoki:b64:/w==");
    CHECK("ab\xc3", "enoki:b64:YWLD");
    CHECK("\xed\xa0\x80", "enoki:b64:7aCA"); /* a surrogate */
}
END_TEST

START_TEST(text_that_looks_marked_comes_back_as_it_was)
{
    CHECK("enoki:", "enoki:txt:enoki:");
    CHECK("enoki:b64:/w==", "enoki:txt:enoki:b64:/w==");
    CHECK("enoki:txt:x", "enoki:txt:enoki:txt:x");
    CHECK("enok", "enok");
}
END_TEST

START_TEST(what_others_wrote_under_the_mark_is_handed_out_as_it_is)
{
    static const char *const texts[] = {"enoki:", "enoki:other:x", "enoki:b64:%", "enoki:b64:abc"};
    const struct en_tls_api *api;

    ck_assert_int_eq(en_tls_api_load(&api, NULL), 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct en_buffer room = EN_BUFFER_INIT(1000);
        const void *out;
        size_t len;

        ck_assert_int_eq(en_fred_value_decode(api, texts[i], strlen(texts[i]), &room, &out, &len),
                         0);
        ck_assert_uint_eq(len, strlen(texts[i]));
        ck_assert_mem_eq(out, texts[i], len);
        en_buffer_fini(&room);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        text_is_sent_as_it_is_and_other_bytes_marked,
        text_that_looks_marked_comes_back_as_it_was,
        what_others_wrote_under_the_mark_is_handed_out_as_it_is,
    };

    return check_main("value", tests, sizeof(tests) / sizeof(tests[0]));
}
