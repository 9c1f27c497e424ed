#include "base/log.h"

#include "check_main.h"

#include <string.h>
#include <unistd.h>

static int ends[2];
static char line[20000];

static struct en_log open_log(bool json)
{
    ck_assert_int_eq(pipe(ends), 0);
    return (struct en_log){.fd = ends[1], .json = json, .level = ENOKI_LOG_INFO};
}

static const char *read_line(void)
{
    ssize_t got;

    (void)close(ends[1]);
    got = read(ends[0], line, sizeof(line) - 1);
    ck_assert_int_ge(got, 0);
    line[got] = '\0';
    (void)close(ends[0]);
    return line;
}

START_TEST(a_line_is_key_value_pairs_with_quotes_where_needed)
{
    struct en_log log = open_log(false);
    const struct en_log_field fields[] = {{"pid", "17"}, {"text", "a \"b\"\n\x01"}, {"no", NULL}};

    en_log_fields(&log, ENOKI_LOG_WARN, "worker died", fields, 3);
    ck_assert_ptr_nonnull(strstr(read_line(), " level=warn msg=\"worker died\" pid=17 "
                                              "text=\"a \\\"b\\\"\\n\\u0001\"\n"));
    ck_assert_int_eq(strncmp(line, "time=20", 7), 0);
}
END_TEST

START_TEST(a_json_line_is_one_object)
{
    struct en_log log = open_log(true);
    const struct en_log_field fields[] = {{"pid", "17"}};

    en_log_fields(&log, ENOKI_LOG_ERROR, "x", fields, 1);
    ck_assert_ptr_nonnull(
        strstr(read_line(), "\",\"level\":\"error\",\"msg\":\"x\",\"pid\":\"17\"}\n"));
    ck_assert_int_eq(strncmp(line, "{\"time\":\"20", 11), 0);
}
END_TEST

START_TEST(what_is_no_utf8_is_made_such)
{
    struct en_log log = open_log(true);
    const struct en_log_field fields[] = {{"text", "gr\xc3\xbc\xc3 \xffx\xe2\x82"}};
    const struct en_log_number numbers[] = {{"n", 18446744073709551615u}};

    en_log_record(&log, ENOKI_LOG_ERROR, "x", fields, 1, numbers, 1);
    ck_assert_ptr_nonnull(
        strstr(read_line(), "\"msg\":\"x\",\"n\":18446744073709551615,"
                            "\"text\":\"gr\xc3\xbc\\ufffd \\ufffdx\\ufffd\\ufffd\"}"));
}
END_TEST

START_TEST(a_line_that_is_cut_anywhere_is_still_json)
{
    static char text[9000];
    const struct en_log_field fields[] = {{"text", text}, {"more", "abc"}, {"last", "d"}};

    for (size_t len = 8050; len < 8200; len++) {
        struct en_log log = open_log(true);
        bool quoted = false;

        memset(text, 'x', len);
        text[len] = '\0';
        text[len - 3] = '\n';
        en_log_fields(&log, ENOKI_LOG_ERROR, "long", fields, 3);
        (void)read_line();
        for (const char *c = line; *c != '\0'; c++) {
            if (*c == '\\')
                c++;
            else if (*c == '"')
                quoted = !quoted;
        }
        ck_assert(!quoted);
        ck_assert_str_eq(line + strlen(line) - 3, "\"}\n");
    }
}
END_TEST

START_TEST(less_important_lines_are_dropped)
{
    struct en_log log = open_log(false);

    en_log(&log, ENOKI_LOG_DEBUG, "nobody reads this");
    en_log(NULL, ENOKI_LOG_ERROR, "nor this");
    en_log(&log, ENOKI_LOG_INFO, "but %s", "this");
    ck_assert_ptr_nonnull(strstr(read_line(), "msg=\"but this\"\n"));
    ck_assert_ptr_null(strstr(line, "nobody"));
}
END_TEST

START_TEST(an_endless_line_is_cut_and_still_ends)
{
    struct en_log log = open_log(true);
    static char text[9000];
    const struct en_log_field fields[] = {{"text", text}};
    size_t len;

    memset(text, 'x', sizeof(text) - 1);
    en_log_fields(&log, ENOKI_LOG_ERROR, "long", fields, 1);
    len = strlen(read_line());
    ck_assert_uint_le(len, 8200);
    ck_assert_str_eq(line + len - 3, "\"}\n");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_line_is_key_value_pairs_with_quotes_where_needed,
        a_json_line_is_one_object,
        what_is_no_utf8_is_made_such,
        a_line_that_is_cut_anywhere_is_still_json,
        less_important_lines_are_dropped,
        an_endless_line_is_cut_and_still_ends,
    };

    return check_main("log", tests, sizeof(tests) / sizeof(tests[0]));
}
