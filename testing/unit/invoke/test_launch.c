#include "check_main.h"

#include "invoke/launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/enoki-launch-XXXXXX";

/* A program of that name that writes its arguments to the file "ran". */
static void make_runtime(const char *name)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fprintf(file, "#!/bin/sh\necho \"${0##*/} $*\" > %s/ran\nexit 7\n", folder);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, 0755), 0);
}

/* Launches in a child; its exit status, and what it wrote to standard error. */
static int launch(char *const *argv, char *text, size_t size)
{
    int pipes[2];
    pid_t child;
    int status, argc = 0;
    size_t len = 0;
    ssize_t got;

    while (argv[argc] != NULL)
        argc++;
    ck_assert_int_eq(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        struct en_options *options = NULL;
        int parsed;

        (void)dup2(pipes[1], 2);
        parsed = en_options_parse(&options, argc, (char **)(uintptr_t)argv, NULL);
        _exit(parsed != EN_OPTIONS_RUN ? parsed
                                       : en_launch(options, argc, (char **)(uintptr_t)argv));
    }
    (void)close(pipes[1]);
    while (len < size - 1 && (got = read(pipes[0], text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    (void)close(pipes[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
    char command[80];

    (void)snprintf(command, sizeof(command), "/bin/rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static void check_ran(const char *expected)
{
    char path[128], line[200] = "";
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/ran", folder);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    (void)fclose(file);
    ck_assert_str_eq(line, expected);
}

START_TEST(it_becomes_the_runtime_that_r_names_with_the_same_arguments)
{
    char *argv[] = {"enoki-run", "fn.so", "-r", "thread", "-e", "A=b", NULL};
    char text[500], path[200];

    make_runtime("enoki-thread");
    (void)snprintf(path, sizeof(path), "%s:/usr/bin:/bin", folder);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
    ck_assert_int_eq(launch(argv, text, sizeof(text)), 7);
    check_ran("enoki-thread fn.so -r thread -e A=b\n");
}
END_TEST

START_TEST(prefork_is_the_default)
{
    char *argv[] = {"enoki-run", "fn.so", NULL};
    char text[500], path[200];

    make_runtime("enoki-prefork");
    (void)snprintf(path, sizeof(path), "%s:/usr/bin:/bin", folder);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
    ck_assert_int_eq(launch(argv, text, sizeof(text)), 7);
    check_ran("enoki-prefork fn.so\n");
}
END_TEST

START_TEST(a_runtime_that_is_not_installed_is_a_failure_that_names_it)
{
    char *argv[] = {"enoki-run", "fn.so", "-r", "process", NULL};
    char text[500];

    ck_assert_int_eq(setenv("PATH", folder, 1), 0);
    ck_assert_int_eq(launch(argv, text, sizeof(text)), 1);
    ck_assert_ptr_nonnull(strstr(text, "'enoki-process' cannot be started: No such file"));
}
END_TEST

START_TEST(usage_errors_are_its_own)
{
    char *argv[] = {"enoki-run", "fn.so", "-r", "fast", NULL};
    char text[500];

    ck_assert_int_eq(launch(argv, text, sizeof(text)), 2);
    ck_assert_ptr_nonnull(strstr(text, "-r: 'fast'"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        it_becomes_the_runtime_that_r_names_with_the_same_arguments,
        prefork_is_the_default,
        a_runtime_that_is_not_installed_is_a_failure_that_names_it,
        usage_errors_are_its_own,
    };
    Suite *suite = suite_create("launch");
    TCase *tcase = tcase_create("launch");
    SRunner *runner = srunner_create(suite);
    int failed;

    (void)unsetenv("ENOKI_STATE");
    (void)unsetenv("ENOKI_LISTEN");
    tcase_set_timeout(tcase, CHECK_TIMEOUT_SECONDS);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    suite_add_tcase(suite, tcase);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
