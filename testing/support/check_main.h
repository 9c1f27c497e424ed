/*
 * check_main.h - the main of one test program: every test of a table in its own process.
 *
 *   int main(void)
 *   {
 *       const TTest *const tests[] = {reads_what_was_written, refuses_an_empty_id};
 *       return check_main("state", tests, sizeof(tests) / sizeof(tests[0]));
 *   }
 *
 * A test is START_TEST(a_sentence_about_what_the_user_gets) ... END_TEST. CK_FORK=no keeps them in
 * one process for debuggers.
 */
#ifndef TESTING_CHECK_MAIN_H
#define TESTING_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

/* Sanitized builds on a busy machine are slow; a test that hangs is still found. */
#define CHECK_TIMEOUT_SECONDS 120

static inline int check_main(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tcase, CHECK_TIMEOUT_SECONDS);
    suite_add_tcase(suite, tcase);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
