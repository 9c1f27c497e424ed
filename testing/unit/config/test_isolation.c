/* Users, limits of code and system calls, as a file says them. */
#include "config/explain.h"
#include "config/parse.h"
#include "config/syscalls.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>

static int parse(struct enoki_config **out, const char *text, struct enoki_error *err)
{
    return en_config_parse(out, text, strlen(text), "node.conf", err);
}

START_TEST(a_file_says_who_runs_a_function)
{
    static const char text[] =
        "isolation = { users = \"shared\"; first_user = 5000; user_count = 10; work = \"w\"; };"
        "functions = ( { name = \"a\"; user = \"nobody\"; group = \"12\"; }, { name = \"b\"; } );";
    struct enoki_error err = ENOKI_ERROR_INIT;
    const struct enoki_node_settings *node;
    struct enoki_config *config = NULL;

    ck_assert_msg(parse(&config, text, &err) == 0, "%s", err.message);
    node = enoki_config_get(config);
    ck_assert_int_eq(node->isolation_shared, 1);
    ck_assert_uint_eq(node->isolation_first_user, 5000);
    ck_assert_uint_eq(node->isolation_user_count, 10);
    ck_assert_str_eq(node->isolation_work, "w");
    ck_assert_str_eq(node->functions[0].user, "nobody");
    ck_assert_str_eq(node->functions[0].group, "12");
    ck_assert_ptr_null(node->functions[1].user);
    enoki_config_free(config);
}
END_TEST

START_TEST(by_default_each_has_a_user)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    const struct enoki_node_settings *node;
    struct enoki_config *config = NULL;

    ck_assert_int_eq(parse(&config, "functions = ( { name = \"a\"; } );", &err), 0);
    node = enoki_config_get(config);
    ck_assert_int_eq(node->isolation_shared, 0);
    ck_assert_uint_eq(node->isolation_first_user, 200000);
    ck_assert_ptr_null(node->isolation_work);
    ck_assert_ptr_null(node->functions[0].seccomp);
    ck_assert_uint_eq(node->functions[0].limits.cpu_time_ms, 0);
    ck_assert_uint_eq(node->functions[0].limits.max_files, 1024);
    ck_assert_uint_eq(node->functions[0].limits.max_processes, 256);
    enoki_config_free(config);
}
END_TEST

START_TEST(limits_of_code_are_the_nodes_unless_a_function_has_its_own)
{
    static const char text[] =
        "limits = { memory = \"1GiB\"; cpu = \"2s\"; files = 99; };"
        "functions = ( { name = \"a\"; limits = { memory = \"64MiB\"; file_size = 4096;"
        " processes = 3; }; } );";
    struct enoki_error err = ENOKI_ERROR_INIT;
    const struct enoki_limits *limits;
    struct enoki_config *config = NULL;

    ck_assert_msg(parse(&config, text, &err) == 0, "%s", err.message);
    limits = &enoki_config_get(config)->functions[0].limits;
    ck_assert_uint_eq(limits->max_memory_bytes, 64u << 20);
    ck_assert_uint_eq(limits->cpu_time_ms, 2000);
    ck_assert_uint_eq(limits->max_files, 99);
    ck_assert_uint_eq(limits->max_file_bytes, 4096);
    ck_assert_uint_eq(limits->max_processes, 3);
    enoki_config_free(config);
}
END_TEST

static void check_seccomp(const char *given, const char *expected)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;
    const char *made;
    char text[200];

    (void)snprintf(text, sizeof(text), "functions = ( { name = \"a\"; seccomp = %s; } );", given);
    ck_assert_msg(parse(&config, text, &err) == 0, "%s", err.message);
    made = enoki_config_get(config)->functions[0].seccomp;
    if (expected == NULL)
        ck_assert_ptr_null(made);
    else
        ck_assert_str_eq(made, expected);
    enoki_config_free(config);
}

START_TEST(system_calls_are_forbidden_but_those_that_are_named)
{
    check_seccomp("\"default\"", NULL);
    check_seccomp("\"off\"", "off");
    check_seccomp("( \"ptrace\", \"keyctl\" )", "ptrace,keyctl");
    check_seccomp("( )", NULL);
}
END_TEST

START_TEST(what_cannot_be_is_answered_with_what_can)
{
    static const char *const wrong[][2] = {
        {"functions = ( { name = \"a\"; seccomp = \"on\"; } );", "allowed: \"default\", \"off\""},
        {"functions = ( { name = \"a\"; seccomp = 3; } );", "allowed: \"default\", \"off\""},
        {"functions = ( { name = \"a\"; seccomp = ( \"read\" ); } );", "'read' is not forbidden"},
        {"functions = ( { name = \"a\"; seccomp = ( 3 ); } );", "names of forbidden system calls"},
        {"functions = ( { name = \"a\"; user = \"a b\"; } );", "letters, digits"},
        {"functions = ( { name = \"a\"; group = \"\"; } );", "letters, digits"},
        {"isolation = { users = \"none\"; };", "allowed: own shared"},
        {"isolation = { first_user = 3000000000L; };", "to 2000000000"},
        {"isolation = { first_user = 5; };", "from 1000"},
        {"limits = { files = 1; };", "from 16"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct enoki_error err = ENOKI_ERROR_INIT;
        struct enoki_config *config = NULL;

        ck_assert_int_eq(parse(&config, wrong[i][0], &err), ENOKI_ECONFIG);
        ck_assert_msg(strstr(err.message, wrong[i][1]) != NULL, "'%s' lacks '%s'", err.message,
                      wrong[i][1]);
    }
}
END_TEST

START_TEST(the_manual_lists_what_is_forbidden)
{
    FILE *file = fopen(TEST_SOURCE_ROOT "/config/README.md", "r");
    const struct en_syscall_rule *rule;
    static char manual[200000];
    char name[64];

    ck_assert_ptr_nonnull(file);
    manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
    (void)fclose(file);
    for (size_t i = 0; (rule = en_syscall_at(i)) != NULL; i++) {
        (void)snprintf(name, sizeof(name), "`%s`", rule->name);
        ck_assert_msg(strstr(manual, name) != NULL, "config/README.md lacks %s", name);
        ck_assert_ptr_eq(en_syscall_find(rule->name), rule);
        ck_assert_str_eq(en_syscall_name(rule->number), rule->name);
    }
    ck_assert_ptr_null(en_syscall_find("read"));
}
END_TEST

START_TEST(it_is_explained)
{
    static const char text[] =
        "functions = ( { name = \"a\"; user = \"nobody\"; seccomp = ( \"bpf\" ); },"
        "{ name = \"b\"; seccomp = \"off\"; } );";
    static const char *const expected[] = {"isolation.users", "own (200000 to 249999)",
                                           "user                   = nobody", "default without bpf",
                                           "seccomp                = off", "memory"};
    struct en_buffer out = EN_BUFFER_INIT(100000);
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;

    ck_assert_int_eq(parse(&config, text, &err), 0);
    ck_assert_int_eq(en_explain_settings(enoki_config_get(config), EN_EXPLAIN_NODE, &out), 0);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        ck_assert_msg(strstr(out.data, expected[i]) != NULL, "'%s' lacks '%s'", out.data,
                      expected[i]);
    en_buffer_fini(&out);
    enoki_config_free(config);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_file_says_who_runs_a_function,
        by_default_each_has_a_user,
        limits_of_code_are_the_nodes_unless_a_function_has_its_own,
        system_calls_are_forbidden_but_those_that_are_named,
        what_cannot_be_is_answered_with_what_can,
        the_manual_lists_what_is_forbidden,
        it_is_explained,
    };

    return check_main("isolation", tests, sizeof(tests) / sizeof(tests[0]));
}
