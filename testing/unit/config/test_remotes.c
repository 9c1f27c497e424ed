/* Where functions of other nodes are, as files and the command line say it. */
#include "config/parse.h"
#include "config/remotes.h"

#include "check_main.h"

#include <string.h>

START_TEST(a_file_has_a_list_of_them)
{
    static const char text[] = "remotes = ( \"a1=http://h:80/a1\", \"b=https://[::1]:9/x/b\" );";
    static const char *const wrong[] = {"remotes = \"a=http://h/a\";", "remotes = ( 3 );",
                                        "remotes = ( \"a\" );"};
    struct enoki_error err = ENOKI_ERROR_INIT;
    const struct enoki_node_settings *node;
    struct enoki_config *config;

    ck_assert_int_eq(en_config_parse(&config, text, sizeof(text) - 1, "node.conf", &err), 0);
    node = enoki_config_get(config);
    ck_assert_uint_eq(node->remote_count, 2);
    ck_assert_str_eq(node->remotes[0].name, "a1");
    ck_assert_str_eq(node->remotes[1].value, "https://[::1]:9/x/b");
    enoki_config_free(config);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(en_config_parse(&config, wrong[i], strlen(wrong[i]), "node.conf", &err),
                         ENOKI_ECONFIG);
        ck_assert_ptr_nonnull(strstr(err.message, "NAME=URL"));
    }
}
END_TEST

START_TEST(what_is_no_remote_is_answered_with_what_is)
{
    static const char *const wrong[][2] = {
        {"a", "NAME=URL"},
        {"a-b=http://h/a", "letters and digits"},
        {"health=http://h/a", "reserved"},
        {"a=h:80/a", "http://10.0.0.5:8000/edge"},
        {"a=ftp://h/a", "NAME=URL"},
        {"a=http:///a", "NAME=URL"},
        {"a=http://h:80", "path behind the address"},
        {"a=http://h/a?x", "without user"},
        {"a=http://h/a#x", "without user"},
        {"a=http://u@h/a", "without user"},
        {"a=http://h/a b", "without user"},
    };
    struct en_arena arena = {0};
    struct enoki_variable out;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *complaint = en_remote_parse(&arena, wrong[i][0], &out);

        ck_assert_msg(complaint != NULL, "taken: '%s'", wrong[i][0]);
        ck_assert_msg(strstr(complaint, wrong[i][1]) != NULL, "'%s': '%s'", wrong[i][0], complaint);
    }
    en_arena_fini(&arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_file_has_a_list_of_them,
                                  what_is_no_remote_is_answered_with_what_is};

    return check_main("remotes", tests, sizeof(tests) / sizeof(tests[0]));
}
