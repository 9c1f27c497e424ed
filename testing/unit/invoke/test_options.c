#include "invoke/options.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <enoki/function.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32
#define NODE_CONF TEST_SOURCE_ROOT "/config/node.conf"
#define ONE_CONF TEST_SOURCE_ROOT "/config/one-function.conf"

static char printed[65536];

/* The allocation that fails in the next parse_as(), 0: none; and whether it was reached. Armed
 * there, because the assertions of libcheck allocate too. */
static unsigned failing_allocation;
static bool has_failed;

/* Parses, and keeps what was printed to either stream. */
static int parse_as(const char *runtime, struct en_options **out, const char *const *words)
{
    int fd = memfd_create("printed", 0);
    int old_out = dup(1), old_err = dup(2);
    char *argv[ARGUMENTS_MAX] = {(char *)(uintptr_t) "./bin/enoki-run"};
    int argc = 1, status;
    ssize_t len;

    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    (void)fflush(NULL);
    ck_assert_int_ge(dup2(fd, 1), 0);
    ck_assert_int_ge(dup2(fd, 2), 0);
    failing_alloc_arm(failing_allocation);
    status = en_options_parse(out, argc, argv, runtime);
    has_failed = failing_alloc_disarm();
    (void)fflush(NULL);
    (void)dup2(old_out, 1);
    (void)dup2(old_err, 2);
    (void)close(old_out);
    (void)close(old_err);
    len = pread(fd, printed, sizeof(printed) - 1, 0);
    ck_assert_int_ge(len, 0);
    printed[len] = '\0';
    (void)close(fd);
    return status;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct en_options *parse_words(const char *runtime, const char *const *words)
{
    struct en_options *options = NULL;
    int status = parse_as(runtime, &options, words);

    ck_assert_msg(status == EN_OPTIONS_RUN, "%d: %s", status, printed);
    ck_assert_str_eq(printed, "");
    ck_assert_ptr_nonnull(options);
    ck_assert_ptr_eq(options->function, options->node.functions);
    ck_assert_uint_eq(options->node.function_count, 1);
    return options;
}

#define PARSED(...) parse_words(NULL, WORDS(__VA_ARGS__))

static void check_status(const char *runtime, int expected, const char *text,
                         const char *const *words)
{
    struct en_options *options = NULL;
    int status = parse_as(runtime, &options, words);

    ck_assert_msg(status == expected, "%d: %s", status, printed);
    ck_assert_ptr_null(options);
    ck_assert_msg(strstr(printed, text) != NULL, "'%s' lacks '%s'", printed, text);
}

#define STATUS(expected, text, ...) check_status(NULL, expected, text, WORDS(__VA_ARGS__))

START_TEST(a_library_alone_is_enough)
{
    struct en_options *options = PARSED("some/fn.so");

    ck_assert_str_eq(options->function->name, "fn");
    ck_assert_str_eq(options->function->code, "some/fn.so");
    ck_assert_str_eq(options->function->runtime, "prefork");
    ck_assert_ptr_null(options->function->keygroup);
    ck_assert_uint_eq(options->function->workers_min, 0);
    ck_assert_uint_eq(options->function->workers_max, 0);
    ck_assert_uint_eq(options->function->limits.max_body_bytes, 4194304);
    ck_assert_uint_eq(options->function->limits.call_timeout_ms, 60000);
    ck_assert_uint_eq(options->function->limits.worker_idle_ms, 30000);
    ck_assert_str_eq(options->node.node, "local");
    ck_assert_str_eq(options->node.state, "embedded:./enoki-state");
    ck_assert_str_eq(options->node.listen_http, "127.0.0.1:8000");
    ck_assert_int_eq(options->node.log_level, ENOKI_LOG_INFO);
    ck_assert_int_eq(options->node.log_json, 0);
    en_options_free(options);
    en_options_free(NULL);
}
END_TEST

START_TEST(a_file_without_n_is_all_of_it)
{
    struct en_options *options = NULL;

    ck_assert_int_eq(parse_as(NULL, &options, WORDS("-c", NODE_CONF)), EN_OPTIONS_RUN);
    ck_assert_ptr_null(options->function);
    ck_assert_str_eq(options->file, NODE_CONF);
    ck_assert_uint_eq(options->node.function_count, 3);
    en_options_free(options);
    STATUS(2, "are one function's: choose it with -n", "-c", NODE_CONF, "-w", "2");
    STATUS(2, "are one function's: choose it with -n", "-c", NODE_CONF, "--timeout", "2s");
}
END_TEST

START_TEST(every_option_reaches_its_setting)
{
    struct en_options *options =
        PARSED("-n", "abc", "-r", "process", "-w", "2-7", "-l", "http=[::1]:0", "-s",
               "embedded:/d?durability=process", "-e", "A=1", "-e", "B=", "-e", "A=x=y", "--remote",
               "r=http://h/r", "--keygroup", "kg", "--log-format", "json", "--log-level", "debug",
               "my-fn.so");

    ck_assert_str_eq(options->function->name, "abc");
    ck_assert_str_eq(options->function->runtime, "process");
    ck_assert_uint_eq(options->function->workers_min, 2);
    ck_assert_uint_eq(options->function->workers_max, 7);
    ck_assert_str_eq(options->node.listen_http, "[::1]:0");
    ck_assert_str_eq(options->node.state, "embedded:/d?durability=process");
    ck_assert_str_eq(options->function->keygroup, "kg");
    ck_assert_int_eq(options->node.log_json, 1);
    ck_assert_int_eq(options->node.log_level, ENOKI_LOG_DEBUG);
    ck_assert_uint_eq(options->function->variable_count, 2);
    ck_assert_str_eq(options->function->variables[0].name, "A");
    ck_assert_str_eq(options->function->variables[0].value, "x=y");
    ck_assert_str_eq(options->function->variables[1].value, "");
    ck_assert_uint_eq(options->node.remote_count, 1);
    ck_assert_str_eq(options->node.remotes[0].value, "http://h/r");
    en_options_free(options);
}
END_TEST

START_TEST(every_limit_has_an_option)
{
    struct en_options *options =
        PARSED("--max-header=2KiB", "--max-body=3", "--max-reply=4MiB", "--max-connections=5",
               "--max-queue=6", "--timeout=7s", "--idle-timeout=8ms", "--request-timeout=9m",
               "--drain-timeout=10h", "--calls-per-worker=0", "--max-abandoned=12",
               "--worker-idle=13s", "fn.so");
    const struct enoki_limits *limits = &options->function->limits;

    ck_assert_uint_eq(limits->max_header_bytes, 2048);
    ck_assert_uint_eq(limits->max_body_bytes, 3);
    ck_assert_uint_eq(limits->max_reply_bytes, 4194304);
    ck_assert_uint_eq(limits->max_connections, 5);
    ck_assert_uint_eq(limits->max_queue, 6);
    ck_assert_uint_eq(limits->call_timeout_ms, 7000);
    ck_assert_uint_eq(limits->idle_timeout_ms, 8);
    ck_assert_uint_eq(limits->request_timeout_ms, 540000);
    ck_assert_uint_eq(limits->drain_timeout_ms, 36000000);
    ck_assert_uint_eq(limits->calls_per_worker, 0);
    ck_assert_uint_eq(limits->max_abandoned, 12);
    ck_assert_uint_eq(limits->worker_idle_ms, 13000);
    en_options_free(options);
    options = PARSED("-w", "3", "fn.so");
    ck_assert_uint_eq(options->function->workers_min, 3);
    ck_assert_uint_eq(options->function->workers_max, 3);
    en_options_free(options);
}
END_TEST

START_TEST(a_wrong_value_is_a_usage_error_that_says_what_is_allowed)
{
    STATUS(2, "-r: 'fast'; allowed: thread, prefork or process", "-r", "fast", "fn.so");
    STATUS(2, "-w: '0'; allowed: 1 to 4096", "-w", "0", "fn.so");
    STATUS(2, "-w: '4-2'", "-w", "4-2", "fn.so");
    STATUS(2, "-w: '-2'", "-w", "-2", "fn.so");
    STATUS(2, "-w: '99999'", "-w", "99999", "fn.so");
    STATUS(2, "-l: '8000'; allowed: PROTO=ADDR:PORT", "-l", "8000", "fn.so");
    STATUS(2, "-l: 'grpc=9000'; allowed: ", "-l", "grpc=9000", "fn.so");
    STATUS(2, "needs --tls-cert FILE and --tls-key FILE", "-l", "https=127.0.0.1:0", "fn.so");
    STATUS(2, "are for https: write -l https=", "--tls-key", "k", "fn.so");
    STATUS(2, "-l: 'smtp=x:1'; allowed: http=ADDR:PORT", "-l", "smtp=x:1", "fn.so");
    STATUS(2, "0 to 65535", "-l", "http=127.0.0.1:99999", "fn.so");
    STATUS(2, "one address per protocol", "-l", "http=x:1", "-l", "http=x:2", "fn.so");
    STATUS(2, "-e: 'X'; allowed: NAME=VALUE", "-e", "X", "fn.so");
    STATUS(2, "set by enoki itself", "-e", "ENOKI_FD=3", "fn.so");
    STATUS(2, "set by enoki itself", "-e", "__KV_HOST=3", "fn.so");
    STATUS(2, "--remote: 'X'; allowed: NAME=URL", "--remote", "X", "fn.so");
    STATUS(2, "--remote: 'x=h'", "--remote", "x=h", "fn.so");
    STATUS(2, "-e: '1X=3'", "-e", "1X=3", "fn.so");
    STATUS(2, "--keygroup: 'a b'", "--keygroup", "a b", "fn.so");
    STATUS(2, "--max-body: '4MB'; allowed: a size", "--max-body", "4MB", "fn.so");
    STATUS(2, "from 1KiB to 1MiB", "--max-header", "1", "fn.so");
    STATUS(2, "--timeout: '5'; allowed: a duration", "--timeout", "5", "fn.so");
    STATUS(2, "--log-format: 'xml'", "--log-format", "xml", "fn.so");
    STATUS(2, "--log-level: 'all'", "--log-level", "all", "fn.so");
    STATUS(2, "-n: 'a-b'", "-n", "a-b", "fn.so");
    STATUS(2, "reserved", "-n", "health", "fn.so");
    STATUS(2, "write 'fred://HOST:PORT", "-s", "fred://x:1", "fn.so");
    STATUS(2, "-s: 'relay:3'; allowed: ", "-s", "relay:3", "fn.so");
    STATUS(2, "-s: 'other:x' is no state URI", "-s", "other:x", "fn.so");
    STATUS(2, "-s: ", "-s", "embedded:x?nonsense=1", "fn.so");
}
END_TEST

START_TEST(an_unknown_option_or_a_missing_value_is_a_usage_error)
{
    STATUS(2, "--nonsense", "--nonsense", "fn.so");
    STATUS(2, "requires an argument", "fn.so", "-n");
    STATUS(2, "which function?", "-w", "3");
    STATUS(2, "FUNCTION.so: 'b.so'; allowed: one function", "a.so", "b.so");
    STATUS(2, "Try 'enoki-run --help'", "-w", "x", "fn.so");
}
END_TEST

START_TEST(a_file_name_that_is_no_function_name_points_to_n)
{
    STATUS(2, "'my-fn' of './my-fn.so' is no name for a function", "./my-fn.so");
    STATUS(2, "choose one with -n NAME", "./my-fn.so");
    STATUS(2, "reserved", "metrics.so");
    STATUS(2, "'' of '.so'", ".so");
}
END_TEST

START_TEST(help_lists_every_option_and_version_prints_it)
{
    STATUS(0, "Usage: ", "--help");
    ck_assert_ptr_nonnull(strstr(printed, "--max-body=SIZE"));
    ck_assert_ptr_nonnull(strstr(printed, "--worker-idle=TIME"));
    ck_assert_ptr_nonnull(strstr(printed, "-r, --runtime=RUNTIME"));
    ck_assert_ptr_nonnull(strstr(printed, "(default 4MiB)"));
    ck_assert_ptr_nonnull(strstr(printed, "Exit status"));
    STATUS(0, "enoki-run (enoki) " ENOKI_VERSION, "--version");
    STATUS(0, "Usage: ", "--usage");
    STATUS(0, "Usage: ", "-h");
}
END_TEST

START_TEST(a_file_with_one_function_runs_it)
{
    struct en_options *options = PARSED("-n", "movingaverage", "-c", ONE_CONF);

    ck_assert_str_eq(options->function->name, "movingaverage");
    ck_assert_str_eq(options->function->code, TEST_SOURCE_ROOT "/config/movingaverage.so");
    en_options_free(options);
}
END_TEST

START_TEST(of_several_functions_n_chooses_one)
{
    struct en_options *options = PARSED("-c", NODE_CONF, "-n", "echo");

    ck_assert_str_eq(options->function->name, "echo");
    ck_assert_str_eq(options->function->runtime, "thread");
    ck_assert_str_eq(options->node.node, "edge1");
    ck_assert_uint_eq(options->function->limits.max_body_bytes, 16777216);
    en_options_free(options);
    check_status("thread", 2, "choose one with -n (movingaverage, echo, thumbnail)",
                 WORDS("-c", NODE_CONF));
    ck_assert_ptr_nonnull(strstr(printed, "enoki-run"));
    STATUS(2, "-n: 'x' is not in", "-c", NODE_CONF, "-n", "x");
    STATUS(2, "allowed: movingaverage, echo, thumbnail", "-c", NODE_CONF, "-n", "x");
}
END_TEST

START_TEST(the_command_line_beats_the_file)
{
    struct en_options *options =
        PARSED("-c", NODE_CONF, "-n", "movingaverage", "-r", "thread", "-w", "9", "-l",
               "http=127.0.0.1:7", "-e", "WINDOW=20", "-e", "MORE=1", "--timeout", "1s", "-s",
               "embedded:/x?node=n2&keygroup=k2", "--log-format", "text");

    ck_assert_str_eq(options->function->runtime, "thread");
    ck_assert_uint_eq(options->function->workers_min, 9);
    ck_assert_str_eq(options->node.listen_http, "127.0.0.1:7");
    ck_assert_uint_eq(options->function->limits.call_timeout_ms, 1000);
    ck_assert_str_eq(options->node.node, "n2");
    ck_assert_str_eq(options->function->keygroup, "k2");
    ck_assert_int_eq(options->node.log_json, 0);
    ck_assert_uint_eq(options->function->variable_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct enoki_variable *variable = &options->function->variables[i];

        ck_assert_str_eq(variable->value, strcmp(variable->name, "WINDOW") == 0 ? "20" : "1");
    }
    en_options_free(options);
}
END_TEST

START_TEST(the_environment_beats_the_file_and_the_command_line_both)
{
    struct en_options *options;

    ck_assert_int_eq(setenv("ENOKI_STATE", "embedded:/from-environment", 1), 0);
    ck_assert_int_eq(setenv("ENOKI_LISTEN", "http=127.0.0.1:99", 1), 0);
    options = PARSED("-n", "movingaverage", "-c", ONE_CONF);
    ck_assert_str_eq(options->node.state, "embedded:/from-environment");
    ck_assert_str_eq(options->node.listen_http, "127.0.0.1:99");
    en_options_free(options);
    options = PARSED("-n", "movingaverage", "-c", ONE_CONF, "-s", "embedded:/x", "-l",
                     "http=127.0.0.1:5");
    ck_assert_str_eq(options->node.state, "embedded:/x");
    ck_assert_str_eq(options->node.listen_http, "127.0.0.1:5");
    en_options_free(options);
    ck_assert_int_eq(setenv("ENOKI_LISTEN", "99", 1), 0);
    STATUS(2, "ENOKI_LISTEN: '99'; allowed: PROTO=ADDR:PORT", "fn.so");
}
END_TEST

START_TEST(a_file_that_is_missing_is_a_failure_and_a_wrong_one_a_usage_error)
{
    char path[] = "/tmp/enoki-options-XXXXXX";
    int fd = mkstemp(path);

    STATUS(1, "/nowhere.conf: No such file", "-c", "/nowhere.conf");
    check_status("thread", 2, "no functions", WORDS("-c", path));
    ck_assert_int_eq(write(fd, "nodes = 1;", 10), 10);
    STATUS(2, ":1: nodes: unknown key, did you mean 'node'?", "-c", path);
    STATUS(2, "give either a library or a file", "-c", path, "fn.so");
    (void)close(fd);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(check_explains_and_runs_nothing)
{
    STATUS(0, "function \"good\"", "--check", TEST_PLUGINS "/good.so");
    ck_assert_ptr_nonnull(strstr(printed, "max-body               = 4MiB   (default)"));
    STATUS(1, "'/nowhere/fn.so' cannot be read", "--check", "/nowhere/fn.so");
    STATUS(1, "function \"thumbnail\"", "--check", "-c", NODE_CONF);
    ck_assert_ptr_nonnull(strstr(printed, "function \"echo\""));
    STATUS(1, "function \"echo\"", "--check", "-c", NODE_CONF, "-n", "echo");
    ck_assert_ptr_null(strstr(printed, "function \"thumbnail\""));
    STATUS(2, "unknown key", "--check", "-c",
           TEST_SOURCE_ROOT "/testing/fuzz/corpus/config/unknown");
}
END_TEST

START_TEST(a_runtime_takes_only_its_own_name)
{
    struct en_options *options = parse_words("thread", WORDS("-c", ONE_CONF, "-r", "thread"));

    ck_assert_str_eq(options->function->runtime, "thread");
    en_options_free(options);
    options = parse_words("process", WORDS("fn.so"));
    ck_assert_str_eq(options->function->runtime, "process");
    en_options_free(options);
    check_status("thread", 2, "own runtime; enoki-run has them all",
                 WORDS("-r", "process", "fn.so"));
}
END_TEST

START_TEST(survives_failed_allocations)
{
    for (unsigned i = 1;; i++) {
        struct en_options *options = NULL;
        int status;

        failing_allocation = i;
        status = parse_as(NULL, &options,
                          WORDS("-c", NODE_CONF, "-n", "movingaverage", "-e", "A=1", "-l",
                                "http=x:1", "-s", "embedded:x?node=a&keygroup=b"));
        if (!has_failed) {
            ck_assert_int_eq(status, EN_OPTIONS_RUN);
            en_options_free(options);
            break;
        }
        ck_assert_msg(status == 1 || status == 2, "%u: %d %s", i, status, printed);
        ck_assert_ptr_nonnull(strstr(printed, "out of memory"));
    }
    for (unsigned i = 1;; i++) {
        struct en_options *options = NULL;
        int status;

        failing_allocation = i;
        status = parse_as(NULL, &options, WORDS("--check", TEST_PLUGINS "/good.so"));
        if (!has_failed) {
            ck_assert_int_eq(status, 0);
            break;
        }
        ck_assert_msg(status == 1, "%u: %d %s", i, status, printed);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_library_alone_is_enough,
        a_file_without_n_is_all_of_it,
        every_option_reaches_its_setting,
        every_limit_has_an_option,
        a_wrong_value_is_a_usage_error_that_says_what_is_allowed,
        an_unknown_option_or_a_missing_value_is_a_usage_error,
        a_file_name_that_is_no_function_name_points_to_n,
        help_lists_every_option_and_version_prints_it,
        a_file_with_one_function_runs_it,
        of_several_functions_n_chooses_one,
        the_command_line_beats_the_file,
        the_environment_beats_the_file_and_the_command_line_both,
        a_file_that_is_missing_is_a_failure_and_a_wrong_one_a_usage_error,
        check_explains_and_runs_nothing,
        a_runtime_takes_only_its_own_name,
        survives_failed_allocations,
    };

    (void)unsetenv("ENOKI_STATE");
    (void)unsetenv("ENOKI_LISTEN");
    return check_main("options", tests, sizeof(tests) / sizeof(tests[0]));
}
