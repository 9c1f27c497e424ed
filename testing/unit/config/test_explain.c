#include "config/explain.h"

#include "config/parse.h"

#include "check_main.h"

#include <string.h>

static const char file[] =
    "node = \"edge-1\"; log = { path = \"logs\"; }; listen = { management = \"127.0.0.1:0\"; };\n"
    "deploy = { urls = ( \"https://a.example/\", \"https://b.example/\" ); };\n"
    "functions = (\n"
    "  { name = \"a\"; workers = { min = 1; max = 4; }; keygroup = \"shared\";\n"
    "    env = { WINDOW = \"10\"; }; limits = { body = 1024; }; },\n"
    "  { name = \"b\"; workers = 3; language = \"python\"; async = \"durable\";\n"
    "    instances = { min = 0; max = 2; idle = \"5s\"; }; timeout = \"2s\"; } );";

static struct enoki_config *parse(void)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;

    ck_assert_msg(en_config_parse(&config, file, strlen(file), "/n.conf", &err) == 0, "%s",
                  err.message);
    return config;
}

static void check_lines(enum en_explained what, const char *const *lines, size_t count,
                        const char *missing)
{
    struct en_buffer out = EN_BUFFER_INIT(100000);
    struct enoki_config *config = parse();

    ck_assert_int_eq(en_explain_settings(enoki_config_get(config), what, &out), 0);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(out.data, lines[i]) != NULL, "'%s' lacks '%s'", out.data, lines[i]);
    ck_assert_msg(strstr(out.data, missing) == NULL, "'%s' has '%s'", out.data, missing);
    en_buffer_fini(&out);
    enoki_config_free(config);
}

START_TEST(a_file_is_explained_by_its_keys)
{
    static const char *const lines[] = {
        "node                     = \"edge-1\"\n",
        "log.path                 = \"/logs\"\n",
        "log.keep                 = \"5\"   (default)\n",
        "compat                   = \"none\"   (default)\n",
        "deploy.path              = \"/enoki-functions\"\n",
        "deploy.urls              = \"https://a.example/\"\n",
        "deploy.urls              = \"https://b.example/\"\n",
        "async.max_size           = \"256MiB\"   (default)\n",
        "limits.bodies            = \"256MiB\"   (default)\n",
        "isolation.users          = \"own (200000 to 249999)\"   (default)\n",
        "\nfunction \"a\"\n",
        "  workers                = 1 to 4\n",
        "  instances              = 1   (default)\n",
        "  async                  = memory   (default)\n",
        "  limits.concurrency     = as many as workers   (default)\n",
        "  keygroup               = shared\n",
        "  env WINDOW             = \"10\"\n",
        "  limits.body            = 1KiB\n",
        "  workers.idle           = 30s   (default)\n",
        "\nfunction \"b\"\n",
        "  code                   = /b/fn.py\n",
        "  workers                = 3\n",
        "  instances              = 0 to 2\n",
        "  instances.idle         = 5s\n",
        "  async                  = durable\n",
        "  keygroup               = tinyFaaSb   (default)\n",
        "  timeout                = 2s\n",
        "  max_abandoned          = 8   (default)\n",
    };

    check_lines(EN_EXPLAIN_NODE, lines, sizeof(lines) / sizeof(lines[0]), "max-body");
}
END_TEST

START_TEST(a_function_alone_is_explained_by_its_options)
{
    static const char *const lines[] = {
        "  max-body               = 1KiB\n",
        "  worker-idle            = 30s   (default)\n",
        "  workers                = 1 to 4\n",
    };

    check_lines(EN_EXPLAIN_FUNCTION, lines, sizeof(lines) / sizeof(lines[0]), "instances");
}
END_TEST

START_TEST(without_room_it_fails)
{
    struct en_buffer out = EN_BUFFER_INIT(100000);
    struct enoki_config *config = parse();

    for (size_t max = 0; max < 1500; max++) {
        out.max = max;
        ck_assert_int_eq(en_explain_settings(enoki_config_get(config), EN_EXPLAIN_NODE, &out),
                         ENOKI_ELIMIT);
        en_buffer_fini(&out);
    }
    enoki_config_free(config);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_file_is_explained_by_its_keys,
        a_function_alone_is_explained_by_its_options,
        without_room_it_fails,
    };

    return check_main("explain", tests, sizeof(tests) / sizeof(tests[0]));
}
