#include "invoke/instance.h"

#include "base/clock.h"
#include "check_main.h"
#include "failing_alloc.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPLY_MAX_BYTES 4096
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* One function with all that an instance needs; its log goes to a memory file. */
struct fixture {
    struct en_plugin *plugin;
    struct enoki_variable variables[2];
    struct enoki_function_settings function;
    struct enoki_node_settings node;
    struct en_log log;
    struct en_instance_options options;
    struct en_instance *instance;
    struct en_reply reply;
    char folder[40];
    char uri[80];
    char log_text[8192];
};

static struct fixture *f;

static void set_up(void)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    f = calloc(1, sizeof(*f));
    ck_assert_ptr_nonnull(f);
    ck_assert_msg(en_plugin_load(&f->plugin, TEST_PLUGINS "/good.so", &err) == 0, "%s",
                  err.message);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/enoki-instance-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(f->folder));
    (void)snprintf(f->uri, sizeof(f->uri), "embedded:%s?durability=process", f->folder);
    f->variables[0] = (struct enoki_variable){"GREETING", "hello"};
    f->variables[1] = (struct enoki_variable){"UNUSED", ""};
    f->function.name = "good";
    f->function.variables = f->variables;
    f->function.variable_count = 2;
    f->node.node = "here";
    f->node.state = f->uri;
    f->log.fd = memfd_create("log", 0);
    ck_assert_int_ge(f->log.fd, 0);
    f->log.level = ENOKI_LOG_INFO;
    f->options =
        (struct en_instance_options){f->plugin, &f->function, &f->node, &f->log, "3", 0, 0};
    en_reply_init(&f->reply, REPLY_MAX_BYTES);
}

static void tear_down(void)
{
    char command[80];

    en_instance_free(f->instance);
    en_reply_fini(&f->reply);
    en_plugin_free(f->plugin);
    (void)close(f->log.fd);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
    ck_assert_int_eq(system(command), 0);
    free(f);
}

static const char *logged(void)
{
    ssize_t len = pread(f->log.fd, f->log_text, sizeof(f->log_text) - 1, 0);

    ck_assert_int_ge(len, 0);
    f->log_text[len] = '\0';
    return f->log_text;
}

static void open_instance(void)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    ck_assert_msg(en_instance_open(&f->instance, &f->options, &err) == 0, "%s", err.message);
}

/* Runs one call with this body. */
static void call(const char *body)
{
    const struct en_header headers[] = {{TEXT("Content-Type"), TEXT("text/x-test")},
                                        {TEXT("X-Other"), TEXT("other")}};
    const struct en_request request = {.method = TEXT("PATCH"),
                                       .path = TEXT("/good/sub/path"),
                                       .query = TEXT("a=b"),
                                       .body = {body, strlen(body)},
                                       .headers = headers,
                                       .header_count = 2};
    const struct en_call_info info = {
        .id = 4711, .deadline_ms = en_clock_ms() + 60000, .subpath = TEXT("/sub/path")};

    if (f->instance == NULL)
        open_instance();
    en_reply_reset(&f->reply);
    en_instance_run(f->instance, &request, &info, &f->reply);
}

static const char *answer(void)
{
    return f->reply.body.data == NULL ? "" : f->reply.body.data;
}

static void check_failed(const char *text)
{
    ck_assert_int_eq(f->reply.status, 500);
    ck_assert_msg(strstr(answer(), text) != NULL, "'%s' lacks '%s'", answer(), text);
    ck_assert_ptr_nonnull(strstr(logged(), "call=4711"));
    ck_assert_ptr_nonnull(strstr(logged(), "function=good"));
    ck_assert_ptr_nonnull(strstr(logged(), "worker=3"));
}

START_TEST(the_function_answers_what_it_is_called_with)
{
    call("hello");
    ck_assert_int_eq(f->reply.status, 200);
    ck_assert_str_eq(answer(), "hello");
    ck_assert_uint_eq(f->reply.body.len, 5);
}
END_TEST

START_TEST(the_function_sees_every_part_of_the_request)
{
    call("describe");
    ck_assert_str_eq(answer(), "good|PATCH|/sub/path|a=b|text/x-test|Content-Type=text/x-test|"
                               "other|NULL|4711|left");
}
END_TEST

START_TEST(a_request_without_parts_gives_empty_texts)
{
    const struct en_request request = {.method = TEXT("describe")};
    const struct en_call_info info = {.id = 1};

    open_instance();
    en_instance_run(f->instance, &request, &info, &f->reply);
    ck_assert_int_eq(f->reply.status, 200);
    ck_assert_str_eq(answer(), "");
}
END_TEST

START_TEST(an_instance_lives_from_call_to_call)
{
    call("a");
    call("calls");
    ck_assert_str_eq(answer(), "2");
}
END_TEST

START_TEST(preload_runs_once_before_open)
{
    ck_assert_int_eq(en_instance_preload(&f->options, NULL), 0);
    call("preloads");
    ck_assert_str_eq(answer(), "1");
}
END_TEST

START_TEST(a_failing_preload_stops_with_the_functions_message)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    f->variables[0].name = "FAIL_PRELOAD";
    ck_assert_int_eq(en_instance_preload(&f->options, &err), ENOKI_EFUNCTION);
    ck_assert_str_eq(err.message, "preload was told to fail");
    ck_assert_int_eq(en_instance_preload(&f->options, NULL), ENOKI_EFUNCTION);
}
END_TEST

START_TEST(state_is_refused_in_preload)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    f->variables[0].name = "STATE_IN_PRELOAD";
    ck_assert_int_eq(en_instance_preload(&f->options, &err), ENOKI_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.message, "before workers are forked"));
}
END_TEST

START_TEST(a_failing_open_gives_the_functions_message)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    f->variables[0].name = "FAIL_OPEN";
    ck_assert_int_eq(en_instance_open(&f->instance, &f->options, &err), ENOKI_EFUNCTION);
    ck_assert_str_eq(err.message, "open was told to fail");
    f->variables[0].name = "FAIL_OPEN_SILENTLY";
    ck_assert_int_eq(en_instance_open(&f->instance, &f->options, &err), ENOKI_EIO);
    ck_assert_str_eq(err.message,
                     "open returned '-4' (EIO): the operating system reported an error");
    ck_assert_int_eq(en_instance_open(&f->instance, &f->options, NULL), ENOKI_EIO);
    ck_assert_ptr_null(f->instance);
}
END_TEST

START_TEST(a_failure_is_answered_500_with_its_message_and_logged_with_the_call)
{
    call("fail");
    check_failed("told to fail");
    ck_assert_ptr_nonnull(strstr(logged(), "code=EINVAL"));
}
END_TEST

START_TEST(a_failure_without_a_message_still_says_something)
{
    call("fail silently");
    check_failed("invoke returned '-77' (EUNKNOWN): unknown error");
}
END_TEST

START_TEST(a_positive_result_is_a_failure_that_says_what_to_return)
{
    call("positive");
    check_failed("invoke returned '3': return 0, or a negative code for a failure");
}
END_TEST

START_TEST(a_reply_can_be_longer_than_the_formatting_buffer)
{
    call("long");
    ck_assert_uint_eq(f->reply.body.len, 1000);
    ck_assert_uint_eq(strlen(answer()), 1000);
}
END_TEST

START_TEST(part_of_a_reply_written_in_place_can_become_the_reply)
{
    call("in place");
    ck_assert_str_eq(answer(), "3456");
    ck_assert_uint_eq(f->reply.body.len, 4);
}
END_TEST

START_TEST(a_reply_above_the_limit_is_a_failure_that_names_the_limit)
{
    call("too long");
    check_failed("longer than limits.reply (--max-reply), 4096 bytes");
}
END_TEST

START_TEST(a_status_or_header_that_is_not_allowed_is_a_failure)
{
    call("bad status");
    check_failed("reply status '600' is not in 200 to 599");
    call("bad header");
    check_failed("Content-Length");
}
END_TEST

START_TEST(no_reply_at_all_is_an_empty_200)
{
    call("nothing");
    ck_assert_int_eq(f->reply.status, 200);
    ck_assert_uint_eq(f->reply.body.len, 0);
}
END_TEST

START_TEST(a_204_has_no_body)
{
    call("no content");
    ck_assert_int_eq(f->reply.status, 204);
    ck_assert_uint_eq(f->reply.body.len, 0);
}
END_TEST

START_TEST(log_lines_of_a_function_name_it_its_worker_and_the_call)
{
    open_instance();
    ck_assert_ptr_nonnull(
        strstr(logged(), "msg=\"opened in\\n" TEST_PLUGINS "\" function=good worker=3\n"));
    call("log");
    ck_assert_ptr_nonnull(
        strstr(logged(), "level=warn msg=\"from a call\" function=good worker=3 call=4711\n"));
    ck_assert_ptr_null(strstr(logged(), "not shown"));
}
END_TEST

START_TEST(state_belongs_to_the_functions_keygroup)
{
    call("state");
    ck_assert_str_eq(answer(), "tinyFaaSgood");
    call("state");
    ck_assert_str_eq(answer(), "tinyFaaSgood");
}
END_TEST

START_TEST(a_configured_keygroup_is_used_instead)
{
    f->function.keygroup = "shared";
    call("state");
    ck_assert_str_eq(answer(), "shared");
}
END_TEST

START_TEST(state_that_cannot_be_opened_fails_the_call_not_the_worker)
{
    f->node.state = "nonsense:x";
    call("state");
    ck_assert_int_eq(f->reply.status, 500);
    ck_assert_ptr_nonnull(strstr(answer(), "nonsense"));
    call("still here");
    ck_assert_str_eq(answer(), "still here");
}
END_TEST

START_TEST(survives_failed_allocations)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    failing_alloc_arm(1);
    ck_assert_int_eq(en_instance_open(&f->instance, &f->options, &err), ENOKI_ENOMEM);
    ck_assert(failing_alloc_disarm());
    open_instance();
    for (unsigned i = 1; i < 50; i++) {
        failing_alloc_arm(i);
        call("long");
        if (!failing_alloc_disarm())
            break;
        ck_assert(f->reply.status == 500 || f->reply.body.len == 1000);
        en_reply_fini(&f->reply);
        en_reply_init(&f->reply, REPLY_MAX_BYTES);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_function_answers_what_it_is_called_with,
        the_function_sees_every_part_of_the_request,
        a_request_without_parts_gives_empty_texts,
        an_instance_lives_from_call_to_call,
        preload_runs_once_before_open,
        a_failing_preload_stops_with_the_functions_message,
        state_is_refused_in_preload,
        a_failing_open_gives_the_functions_message,
        a_failure_is_answered_500_with_its_message_and_logged_with_the_call,
        a_failure_without_a_message_still_says_something,
        a_positive_result_is_a_failure_that_says_what_to_return,
        a_reply_can_be_longer_than_the_formatting_buffer,
        part_of_a_reply_written_in_place_can_become_the_reply,
        a_reply_above_the_limit_is_a_failure_that_names_the_limit,
        a_status_or_header_that_is_not_allowed_is_a_failure,
        no_reply_at_all_is_an_empty_200,
        a_204_has_no_body,
        log_lines_of_a_function_name_it_its_worker_and_the_call,
        state_belongs_to_the_functions_keygroup,
        a_configured_keygroup_is_used_instead,
        state_that_cannot_be_opened_fails_the_call_not_the_worker,
        survives_failed_allocations,
    };
    Suite *suite = suite_create("instance");
    TCase *tcase = tcase_create("instance");
    SRunner *runner = srunner_create(suite);
    int failed;

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
