#include "config/parse.h"

#include "check_main.h"
#include "failing_alloc.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH "some/node.conf"

/* libconfig 1.5 forgets a text that stands before a syntax error. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

static struct enoki_config *parse(const char *text)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;
    int rc = en_config_parse(&config, text, strlen(text), PATH, &err);

    ck_assert_msg(rc == 0, "%s", err.message);
    return config;
}

/* Parsing fails at this line, and the message has each of the texts. */
static void check_refused(const char *text, unsigned line, const char *const *texts)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;
    char start[64];

    ck_assert_msg(en_config_parse(&config, text, strlen(text), PATH, &err) == ENOKI_ECONFIG,
                  "accepted: %s", text);
    ck_assert_ptr_null(config);
    (void)snprintf(start, sizeof(start), PATH ":%u: ", line);
    ck_assert_msg(strncmp(err.message, start, strlen(start)) == 0, "'%s' does not start with '%s'",
                  err.message, start);
    for (size_t i = 0; texts[i] != NULL; i++)
        ck_assert_msg(strstr(err.message, texts[i]) != NULL, "'%s' lacks '%s'", err.message,
                      texts[i]);
    ck_assert_int_eq(en_config_parse(&config, text, strlen(text), PATH, NULL), ENOKI_ECONFIG);
}

#define REFUSED(text, line, ...) check_refused(text, line, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(an_empty_file_is_all_defaults)
{
    struct enoki_config *config = parse("");
    const struct enoki_node_settings *node = enoki_config_get(config);

    ck_assert_str_eq(node->node, "local");
    ck_assert_str_eq(node->state, "embedded:some/enoki-state?durability=sync&max_value=3000000");
    ck_assert_str_eq(node->listen_http, "127.0.0.1:8000");
    ck_assert_int_eq(node->log_json, 0);
    ck_assert_int_eq(node->log_level, 2);
    ck_assert_uint_eq(node->function_count, 0);
    enoki_config_free(config);
    enoki_config_free(NULL);
}
END_TEST

START_TEST(a_function_needs_only_a_name)
{
    struct enoki_config *config = parse("functions = ( { name = \"fn\"; } );");
    const struct enoki_function_settings *function = enoki_config_get(config)->functions;

    ck_assert_uint_eq(enoki_config_get(config)->function_count, 1);
    ck_assert_str_eq(function->name, "fn");
    ck_assert_str_eq(function->code, "some/fn.so");
    ck_assert_str_eq(function->runtime, "prefork");
    ck_assert_ptr_null(function->keygroup);
    ck_assert_uint_eq(function->workers_min, 0);
    ck_assert_uint_eq(function->workers_max, 0);
    ck_assert_uint_eq(function->variable_count, 0);
    ck_assert_uint_eq(function->limits.max_header_bytes, 32768);
    ck_assert_uint_eq(function->limits.max_body_bytes, 4194304);
    ck_assert_uint_eq(function->limits.max_reply_bytes, 16777216);
    ck_assert_uint_eq(function->limits.max_connections, 1024);
    ck_assert_uint_eq(function->limits.max_queue, 1024);
    ck_assert_uint_eq(function->limits.call_timeout_ms, 60000);
    ck_assert_uint_eq(function->limits.idle_timeout_ms, 60000);
    ck_assert_uint_eq(function->limits.request_timeout_ms, 20000);
    ck_assert_uint_eq(function->limits.drain_timeout_ms, 30000);
    ck_assert_uint_eq(function->limits.calls_per_worker, 0);
    ck_assert_uint_eq(function->limits.max_abandoned, 8);
    ck_assert_uint_eq(function->limits.start_timeout_ms, 60000);
    ck_assert_uint_eq(function->limits.worker_idle_ms, 30000);
    enoki_config_free(config);
}
END_TEST

static const char everything[] =
    "functions = (\n"
    "  { name = \"a\"; language = \"so\"; code = \"/lib/a.so\"; runtime = \"thread\";\n"
    "    workers = { min = 1; max = 4; idle = \"90s\"; }; timeout = \"250ms\";\n"
    "    calls_per_worker = 7; max_abandoned = 3; keygroup = \"shared\";\n"
    "    env = { WINDOW = \"10\"; Empty = \"\"; }; limits = { body = \"1KiB\"; }; },\n"
    "  { name = \"b\"; workers = 3; calls_per_worker = 0; } );\n"
    "node = \"edge-1\";\n"
    "state = { backend = \"embedded\"; path = \"/data\"; durability = \"process\"; max_value = 9; "
    "};\n"
    "listen = { http = \"[::1]:0\"; }; log = { format = \"json\"; level = \"debug\"; };\n"
    "limits = { header = 2048; body = \"1MiB\"; reply = \"2MiB\"; connections = 5; queue = 6;\n"
    "  idle = \"1h\"; request = \"2m\"; drain = \"3s\"; calls_per_worker = 50; timeout = \"9s\"; "
    "};\n";

START_TEST(every_key_reaches_its_setting)
{
    struct enoki_config *config = parse(everything);
    const struct enoki_node_settings *node = enoki_config_get(config);
    const struct enoki_function_settings *a = &node->functions[0];

    ck_assert_str_eq(node->node, "edge-1");
    ck_assert_str_eq(node->state, "embedded:/data?durability=process&max_value=9");
    ck_assert_str_eq(node->listen_http, "[::1]:0");
    ck_assert_int_eq(node->log_json, 1);
    ck_assert_int_eq(node->log_level, 3);
    ck_assert_uint_eq(node->function_count, 2);
    ck_assert_str_eq(a->code, "/lib/a.so");
    ck_assert_str_eq(a->runtime, "thread");
    ck_assert_str_eq(a->keygroup, "shared");
    ck_assert_uint_eq(a->workers_min, 1);
    ck_assert_uint_eq(a->workers_max, 4);
    ck_assert_uint_eq(a->limits.worker_idle_ms, 90000);
    ck_assert_uint_eq(a->limits.call_timeout_ms, 250);
    ck_assert_uint_eq(a->limits.calls_per_worker, 7);
    ck_assert_uint_eq(a->limits.max_abandoned, 3);
    ck_assert_uint_eq(a->variable_count, 2);
    ck_assert_str_eq(a->variables[0].name, "WINDOW");
    ck_assert_str_eq(a->variables[0].value, "10");
    ck_assert_str_eq(a->variables[1].value, "");
    enoki_config_free(config);
}
END_TEST

START_TEST(a_functions_own_limits_change_the_nodes)
{
    struct enoki_config *config = parse(everything);
    const struct enoki_limits *a = &enoki_config_get(config)->functions[0].limits;
    const struct enoki_limits *b = &enoki_config_get(config)->functions[1].limits;

    ck_assert_uint_eq(a->max_body_bytes, 1024);
    ck_assert_uint_eq(b->max_body_bytes, 1048576);
    ck_assert_uint_eq(a->max_header_bytes, 2048);
    ck_assert_uint_eq(b->max_reply_bytes, 2097152);
    ck_assert_uint_eq(b->max_connections, 5);
    ck_assert_uint_eq(b->max_queue, 6);
    ck_assert_uint_eq(b->idle_timeout_ms, 3600000);
    ck_assert_uint_eq(b->request_timeout_ms, 120000);
    ck_assert_uint_eq(b->drain_timeout_ms, 3000);
    ck_assert_uint_eq(b->call_timeout_ms, 9000);
    ck_assert_uint_eq(b->calls_per_worker, 0);
    enoki_config_free(config);
}
END_TEST

START_TEST(an_unknown_key_is_answered_with_what_is_allowed)
{
    REFUSED("node = \"x\";\nstat = {};\n", 2, "stat: unknown key", "did you mean 'state'?",
            "allowed: node, state, listen, deploy, isolation, log, compat, async, limits, "
            "remotes, remotes_ca, functions");
    REFUSED("functions = (\n{ name = \"a\"; },\n{ name = \"b\";\nworker = 3; } );", 4,
            "functions[1].worker: unknown key", "did you mean 'workers'?",
            "allowed: name, language, code, runtime, workers, instances, keygroup, "
            "stale, compat, expiry");
    REFUSED("limits = { zzzzzzzz = 1; };", 1, "limits.zzzzzzzz: unknown key; allowed: header");
    REFUSED("limits = { a_name_that_is_much_longer_than_any_key = 1; };", 1, "unknown key");
}
END_TEST

START_TEST(a_wrong_type_is_answered_with_what_is_allowed)
{
    REFUSED("node = 3;", 1, "node: a whole number; allowed: a text, such as \"local\"");
    REFUSED("state = \"x\";", 1, "state: a text; allowed: a group { ... }");
    REFUSED("functions = { };", 1, "functions: a group { }; allowed: a list (");
    REFUSED("functions = ( 1 );", 1, "functions[0]: a whole number; allowed: a group");
    REFUSED("limits = { idle = 5; };", 1, "limits.idle: '5'; allowed: a duration", "\"5s\"");
    REFUSED("limits = { queue = \"5\"; };", 1, "limits.queue: a text; allowed: a whole number");
    REFUSED("limits = { queue = 1.5; };", 1, "limits.queue: a fraction; allowed");
    REFUSED("limits = { body = true; };", 1, "limits.body: true or false; allowed: a size");
    REFUSED("node = [ ];", 1, "node: an array [ ]; allowed");
    REFUSED("node = ( );", 1, "node: a list ( ); allowed");
    REFUSED("functions = ( { name = \"a\"; env = \"X=1\"; } );", 1,
            "env: a text; allowed: a group");
    REFUSED("functions = ( { name = \"a\"; env = { X = 1; }; } );", 1,
            "env.X: a whole number; allowed: a text, such as \"10\"");
    REFUSED("functions = ( { name = \"a\"; workers = \"4\"; } );", 1,
            "workers: allowed: a number from 1 to 4096, or {");
}
END_TEST

START_TEST(a_value_out_of_range_is_answered_with_the_range)
{
    REFUSED("limits = { header = 10; };", 1, "limits.header: '10'; allowed: a size",
            "from 1KiB to 1MiB");
    REFUSED("limits = { body = \"4MB\"; };", 1, "'4MB'", "\"4MiB\"");
    REFUSED("limits = { body = \"99999999999GiB\"; };", 1, "limits.body");
    REFUSED("limits = { body = \"18446744073709551616\"; };", 1, "limits.body");
    REFUSED("limits = { connections = -1; };", 1, "'-1'", "from 1 to 1000000");
    REFUSED("limits = { drain = \"25h\"; };", 1, "from 1ms to 24h");
    REFUSED("limits = { drain = \"\"; };", 1, "limits.drain: ''");
    REFUSED("functions = ( { name = \"a\"; workers = 0; } );", 1, "from 1 to 4096");
    REFUSED("functions = ( { name = \"a\"; workers = { min = 2; max = 1; }; } );", 1,
            "'min' is above 'max'");
    REFUSED("functions = ( { name = \"a\"; workers = { min = 2; }; } );", 1, "'max' is missing");
    REFUSED("state = { durability = \"never\"; };", 1, "state.durability: unknown value 'never'",
            "allowed: sync process");
    REFUSED("log = { level = \"warning\"; };", 1, "'warning'; allowed: error warn info debug");
    REFUSED("log = { level = \"\"; };", 1, "unknown value ''");
}
END_TEST

START_TEST(names_addresses_and_paths_are_checked)
{
    REFUSED("node = \"a=b\";", 1, "node: 'a=b'; allowed: a node is");
    REFUSED("listen = { http = \"8000\"; };", 1, "listen.http: '8000'", "127.0.0.1:8000");
    REFUSED("listen = { http = \"x:70000\"; };", 1, "0 to 65535");
    REFUSED("listen = { http = \"::1:80\"; };", 1, "brackets");
    REFUSED("state = { path = \"a?b\"; };", 1, "state.path: 'a?b'", "no '?'");
    REFUSED("functions = ( { name = \"my-fn\"; } );", 1, "functions[0].name: 'my-fn'",
            "letters and digits");
    REFUSED("functions = ( { code = \"x.so\"; } );", 1, "functions[0]: 'name' is missing");
    REFUSED("functions = ( { name = \"health\"; } );", 1, "reserved");
    REFUSED("functions = ( { name = \"ready\"; } );", 1, "reserved");
    REFUSED("functions = ( { name = \"metrics\"; } );", 1, "reserved");
    REFUSED("functions = ( { name = \"a\"; keygroup = \"b c\"; } );", 1, "keygroup: 'b c'");
    REFUSED("functions = ( { name = \"a\"; env = { ENOKI_X = \"1\"; }; } );", 1,
            "env.ENOKI_X: ", "set by enoki itself");
    REFUSED("functions = ( { name = \"a\"; env = { a-b = \"1\"; }; } );", 1, "env.a-b: ");
}
END_TEST

START_TEST(a_name_that_is_there_twice_names_both_places)
{
    REFUSED("functions = (\n{ name = \"a\"; },\n{ name = \"b\"; },\n{\nname = \"a\"; } );", 5,
            "functions[2].name: 'a'", "in line 2", "every name once");
    REFUSED("node = \"a\";\nnode = \"b\";", 2, "twice");
}
END_TEST

START_TEST(what_is_not_built_in_yet_says_so)
{
    REFUSED("state = { backend = \"fred\"; };", 1, "state: 'nodes' is missing");
    REFUSED("state = { backend = \"fred\"; nodes = ( \"a:1\" ); };", 1, "'tls' is missing");
    REFUSED("state = { nodes = ( \"a:1\" ); };", 1, "state.nodes: only with backend");
    REFUSED("state = { backend = \"fred\"; nodes = ( \"a\" ); };", 1, "'a'; allowed: ");
    REFUSED("state = { backend = \"fred\"; nodes = \"a:1\"; };", 1, "allowed: a list");
    REFUSED("state = { backend = \"fred\"; nodes = ( \"a:1\" ); tls = \"x?y\"; user = \"u\"; };", 1,
            "state.tls: 'x?y'; allowed: no '?'");
    REFUSED("functions = ( { name = \"a\"; stale = \"any\"; } );", 1, "only for state.backend");
    REFUSED("listen = { grpc = \"9000\"; };", 1, "listen.grpc: '9000'; allowed: ");
    REFUSED("functions = ( { name = \"a\"; language = \"node\"; } );", 1,
            "allowed: so python python3 python3-kv nodejs");
}
END_TEST

START_TEST(a_syntax_error_names_its_line)
{
    REFUSED("node = \"a\";\nstate = {\n", 3, "syntax error");
    REFUSED("node \"a\";", 1, "syntax error", "KEY = VALUE");
}
END_TEST

START_TEST(other_files_cannot_be_included)
{
    REFUSED("# one\n@include \"/etc/passwd\"\n", 2, "@include is not supported");
    enoki_config_free(parse("node = \"a\"; # @include\n// @include\n/* @include { */\n"));
    REFUSED("node = \"a@b\\\"@\";", 1, "node: 'a@b");
}
END_TEST

START_TEST(deep_nesting_and_nul_bytes_are_refused)
{
    static const char with_nul[] = "node = \"a\";\n\0x";
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;
    char deep[200];

    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    memcpy(deep, "a = ", 4);
    REFUSED(deep, 1, "nested too deep");
    ck_assert_int_eq(en_config_parse(&config, with_nul, sizeof(with_nul) - 1, PATH, &err),
                     ENOKI_ECONFIG);
    ck_assert_str_eq(err.message, PATH ":2: a NUL byte; allowed: text");
}
END_TEST

START_TEST(a_long_path_leaves_room_for_the_reason)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;
    char path[3000];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(en_config_parse(&config, "stat = 1;", 9, path, &err), ENOKI_ECONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "x:1: stat: unknown key, did you mean 'state'?"));
    ck_assert_int_eq(en_config_parse(&config, "state 1;", 8, path, &err), ENOKI_ECONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "x:1: syntax error"));
}
END_TEST

START_TEST(tls_is_given_as_a_whole)
{
    struct enoki_config *config =
        parse("listen = { tls = { certificate = \"n.crt\"; key = \"/k/n.key\"; "
              "ca = \"ca.crt\"; }; };"
              "deploy = { ca = \"admins.crt\"; };");
    const struct enoki_node_settings *node = enoki_config_get(config);

    ck_assert_str_eq(node->tls_certificate, "some/n.crt");
    ck_assert_str_eq(node->tls_key, "/k/n.key");
    ck_assert_str_eq(node->tls_ca, "some/ca.crt");
    ck_assert_str_eq(node->deploy_ca, "some/admins.crt");
    enoki_config_free(config);
    REFUSED("\nlisten = { tls = { key = \"n.key\"; }; };", 2, "tls: 'certificate' is missing");
    REFUSED("listen = { tls = { certificate = \"n\"; }; };", 1, "listen.tls: 'key' is missing");
    REFUSED("deploy = { ca = \"a.crt\"; };", 1, "deploy.ca: only with listen.tls");
    REFUSED("listen = { coap_psk = \"k\"; };", 1, "listen.coap_psk: only with listen.coap");
}
END_TEST

START_TEST(compat_is_the_nodes_unless_a_function_says_otherwise)
{
    struct enoki_config *config =
        parse("compat = \"tinyfaas\"; log = { access = true; };"
              "functions = ( { name = \"a\"; }, { name = \"b\"; compat = \"none\"; } );");
    const struct enoki_node_settings *node = enoki_config_get(config);

    ck_assert_int_eq(node->log_access, 1);
    ck_assert_int_eq(node->functions[0].compat_tinyfaas, 1);
    ck_assert_int_eq(node->functions[1].compat_tinyfaas, 0);
    enoki_config_free(config);
    REFUSED("log = { access = 1; };", 1, "log.access: a whole number; allowed: true or false");
    REFUSED("compat = \"yes\";", 1, "allowed: none tinyfaas");
}
END_TEST

START_TEST(relative_paths_start_at_the_files_folder)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    const char text[] = "functions = ( { name = \"a\"; } );";
    struct enoki_config *config = NULL;

    ck_assert_int_eq(en_config_parse(&config, text, strlen(text), "node.conf", &err), 0);
    ck_assert_str_eq(enoki_config_get(config)->functions[0].code, "a.so");
    enoki_config_free(config);
    ck_assert_int_eq(en_config_parse(&config, text, strlen(text), "/node.conf", &err), 0);
    ck_assert_str_eq(enoki_config_get(config)->functions[0].code, "/a.so");
    enoki_config_free(config);
    ck_assert_int_eq(en_config_parse(&config, text, strlen(text), "why?/node.conf", &err),
                     ENOKI_ECONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "no '?'"));
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
    char path[] = "/tmp/enoki-config-XXXXXX";
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;
    FILE *file;
    int fd;

    ck_assert_int_eq(enoki_config_load(&config, "/nowhere/node.conf", &err), ENOKI_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "/nowhere/node.conf: No such file"));
    ck_assert_int_eq(enoki_config_load(&config, "/tmp", &err), ENOKI_ECONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "not a regular file"));
    ck_assert_int_eq(enoki_config_load(&config, "/dev/zero", &err), ENOKI_ECONFIG);

    fd = mkstemp(path);
    file = fdopen(fd, "w");
    ck_assert_ptr_nonnull(file);
    for (unsigned i = 0; i < EN_CONFIG_MAX_BYTES + 1; i++)
        (void)fputc('\n', file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(enoki_config_load(&config, path, &err), ENOKI_ECONFIG);
    ck_assert_ptr_nonnull(strstr(err.message, "longer than 1048576 bytes"));
    ck_assert_int_eq(truncate(path, EN_CONFIG_MAX_BYTES), 0);
    ck_assert_int_eq(enoki_config_load(&config, path, &err), 0);
    enoki_config_free(config);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(survives_failed_allocations)
{
    static const char *const texts[] = {everything, "stat = 1;"};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;

    for (size_t t = 0; t < 2; t++) {
        unsigned i;

        for (i = 1;; i++) {
            int rc;

            failing_alloc_arm(i);
            rc = en_config_parse(&config, texts[t], strlen(texts[t]), PATH, &err);
            if (!failing_alloc_disarm()) {
                ck_assert_int_eq(rc, t == 0 ? 0 : ENOKI_ECONFIG);
                break;
            }
            ck_assert_int_eq(rc, ENOKI_ENOMEM);
        }
        ck_assert_uint_gt(i, 2);
    }
    enoki_config_free(config);
}
END_TEST

START_TEST(loading_a_file_survives_failed_allocations)
{
    static const char path[] = TEST_SOURCE_ROOT "/config/node.conf";
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;

    for (unsigned i = 1;; i++) {
        int rc;

        failing_alloc_arm(i);
        rc = enoki_config_load(&config, path, &err);
        if (!failing_alloc_disarm()) {
            ck_assert_msg(rc == 0, "%s", err.message);
            break;
        }
        ck_assert_int_eq(rc, ENOKI_ENOMEM);
    }
    enoki_config_free(config);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_empty_file_is_all_defaults,
        a_function_needs_only_a_name,
        every_key_reaches_its_setting,
        a_functions_own_limits_change_the_nodes,
        an_unknown_key_is_answered_with_what_is_allowed,
        a_wrong_type_is_answered_with_what_is_allowed,
        a_value_out_of_range_is_answered_with_the_range,
        names_addresses_and_paths_are_checked,
        a_name_that_is_there_twice_names_both_places,
        what_is_not_built_in_yet_says_so,
        a_syntax_error_names_its_line,
        other_files_cannot_be_included,
        deep_nesting_and_nul_bytes_are_refused,
        a_long_path_leaves_room_for_the_reason,
        tls_is_given_as_a_whole,
        compat_is_the_nodes_unless_a_function_says_otherwise,
        relative_paths_start_at_the_files_folder,
        a_file_that_cannot_be_read_is_named,
        survives_failed_allocations,
        loading_a_file_survives_failed_allocations,
    };

    return check_main("config", tests, sizeof(tests) / sizeof(tests[0]));
}
