/* traceparent: what W3C's trace context, level 1, says of reading and writing it. */
#include "wire/trace.h"

#include "check_main.h"

#include <string.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static bool parse(const char *text, struct en_trace *out)
{
    return en_trace_parse((struct en_text){text, strlen(text)}, out);
}

START_TEST(a_header_is_taken_with_its_flags)
{
    struct en_trace trace;

    ck_assert(parse("00-" TRACE "-" SPAN "-01", &trace));
    ck_assert_str_eq(trace.id, TRACE);
    ck_assert_str_eq(trace.flags, "01");
    ck_assert(parse("cc-" TRACE "-" SPAN "-00", &trace));
    ck_assert(parse("cc-" TRACE "-" SPAN "-00-what-comes-later", &trace));
}
END_TEST

START_TEST(what_is_no_header_is_not_taken)
{
    static const char *const wrong[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-01-more",
        "00-" TRACE "-" SPAN "-01 ",
        "ff-" TRACE "-" SPAN "-01",
        "cc-" TRACE "-" SPAN "-00.more",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "0G-" TRACE "-" SPAN "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "-00f067aa0ba902bX-01",
        "00-" TRACE "-" SPAN "-0x",
    };
    struct en_trace trace;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!parse(wrong[i], &trace), "taken: '%s'", wrong[i]);
}
END_TEST

START_TEST(what_is_made_can_be_taken_and_is_never_all_zero)
{
    const uint8_t zero[EN_TRACE_RANDOM_BYTES] = {0};
    const uint8_t span[EN_TRACE_SPAN_BYTES] = {0xab, 0, 0, 0, 0, 0, 0, 0xcd};
    char header[EN_TRACE_PARENT_CHARS + 1];
    struct en_trace trace, read;

    en_trace_make(zero, &trace);
    en_trace_format(&trace, span, header);
    ck_assert_str_eq(header, "00-00000000000000000000000000000001-ab000000000000cd-00");
    ck_assert(parse(header, &read));
    en_trace_format(&trace, zero, header);
    ck_assert(parse(header, &read));
    ck_assert_str_eq(read.id, trace.id);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_header_is_taken_with_its_flags, what_is_no_header_is_not_taken,
                                  what_is_made_can_be_taken_and_is_never_all_zero};

    return check_main("trace", tests, sizeof(tests) / sizeof(tests[0]));
}
