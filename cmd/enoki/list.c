#include "commands.h"
#include "functions.h"
#include "named.h"
#include "table.h"

#include <string.h>

struct request {
    struct named named;
    int json;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "What the node tells, as JSON", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;

    switch (key) {
    case 'j':
        request->json = 1;
        return 0;
    default:
        return parse_named(key, arg, state, &request->named);
    }
}

const struct argp list_argp = {
    options, parse, "", "Lists the functions of a node." EXIT_STATUS, client_children, NULL, NULL,
};

const struct argp describe_argp = {
    options,        parse, "NAME", "Tells all about one function of a node." EXIT_STATUS,
    client_children, NULL,  NULL,
};

/* --- list ---------------------------------------------------------------------------------------
 */

static const struct column columns[] = {
    {"NAME", false}, {"ENV", false},   {"STATE", false}, {"RUNTIME", false},
    {"CALLS", true}, {"ERRORS", true}, {"P50 ms", true},
};

static void add_row(struct table *table, json_object *object)
{
    struct function_info function;
    char text[16];

    function_read(object, &function);
    table_add(table, BOLD, "%s", function.name);
    table_add(table, PLAIN, "%s", function.env);
    table_add(table, function_colour(&function), "%s", function.state);
    table_add(table, PLAIN, "%s", function.runtime);
    table_add(table, PLAIN, "%llu", (unsigned long long)function.calls);
    table_add(table, function.errors > 0 ? RED : PLAIN, "%llu",
              (unsigned long long)function.errors);
    table_add(table, PLAIN, "%s", function.calls == 0 ? "-" : short_time(text, function.p50_ms));
}

static int print_list(json_object *list)
{
    struct table table = {.columns = columns, .column_count = sizeof(columns) / sizeof(columns[0])};
    size_t count = list == NULL ? 0 : json_object_array_length(list);
    bool failed;

    for (size_t i = 0; i < count; i++)
        add_row(&table, json_object_array_get_idx(list, i));
    if (count > 0)
        table_print(&table, stdout, 0, 0);
    else
        (void)fprintf(stderr, "no functions yet: enoki deploy FOLDER brings one there\n");
    failed = table.failed;
    table_fini(&table);
    if (failed)
        say_error("no memory for the table");
    return failed ? 1 : finish_output();
}

/* --- describe -----------------------------------------------------------------------------------
 */

static void line(const char *title, const char *value)
{
    char text[1024];
    int len = snprintf(text, sizeof(text), "%s", value);

    if (value[0] == '\0' || strcmp(value, "-") == 0)
        return;
    make_printable(text, len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
    (void)printf("%s%-10s%s %s\n", terminal_colour(stdout, DIM), title,
                 terminal_colour(stdout, PLAIN), text);
}

static void print_variables(json_object *object)
{
    json_object *list = NULL;
    size_t count;

    (void)json_object_object_get_ex(object, "variables", &list);
    count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < count; i++)
        line(i == 0 ? "variables" : "", json_object_get_string(json_object_array_get_idx(list, i)));
}

static void print_runtime(const struct function_info *function)
{
    char text[256], least[32] = "";

    if (function->workers_min != function->workers_max)
        (void)snprintf(least, sizeof(least), "%llu to ", (unsigned long long)function->workers_min);
    (void)snprintf(text, sizeof(text), "%s, %llu runtime%s of %s%llu worker%s; now %llu worker%s",
                   function->runtime, (unsigned long long)function->instances,
                   function->instances == 1 ? "" : "s", least,
                   (unsigned long long)function->workers_max,
                   function->workers_max == 1 ? "" : "s",
                   (unsigned long long)function->workers_now,
                   function->workers_now == 1 ? "" : "s");
    line("runtime", text);
}

static void print_one(json_object *object)
{
    struct function_info function;
    char text[256], size[16], p50[16], p99[16];

    function_read(object, &function);
    line("name", function.name);
    (void)printf("%s%-10s%s %s%s%s%s\n", terminal_colour(stdout, DIM), "state",
                 terminal_colour(stdout, PLAIN),
                 terminal_colour(stdout, function_colour(&function)), function.state,
                 terminal_colour(stdout, PLAIN),
                 function.is_replacing ? ", a new version is starting" : "");
    line("error", function.error);
    line("env", function.env);
    line("from",
         strcmp(function.from, "file") == 0 ? "the node's configuration file" : function.from);
    line("deployed", function.created);
    line("digest", function.digest);
    print_runtime(&function);
    line("memory", short_size(size, function.memory_bytes));
    (void)snprintf(text, sizeof(text),
                   "%llu, %llu failed, %llu refused; now %llu run, %llu wait, %llu "
                   "asynchronous",
                   (unsigned long long)function.calls, (unsigned long long)function.errors,
                   (unsigned long long)function.refused, (unsigned long long)function.running,
                   (unsigned long long)function.queued, (unsigned long long)function.async_waiting);
    line("calls", text);
    (void)snprintf(text, sizeof(text), "p50 %s ms, p99 %s ms", short_time(p50, function.p50_ms),
                   short_time(p99, function.p99_ms));
    line("latency", function.calls == 0 ? "" : text);
    (void)snprintf(text, sizeof(text), "p50 %s ms, p99 %s ms, of the last half minute",
                   short_time(p50, function.recent_p50_ms),
                   short_time(p99, function.recent_p99_ms));
    line("", function.recent_count == 0 ? "" : text);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)function.restarts);
    line("restarts", text);
    (void)snprintf(text, sizeof(text), "%.200s (%.40s)", function.last_failure,
                   function.last_failure_time);
    line("the last", function.last_failure[0] == '\0' ? "" : text);
    print_variables(object);
}

/* Where it is called, over every protocol; what cannot be asked is left out. */
static void print_urls(struct client *client, const char *name)
{
    json_object *answer = NULL, *endpoints = NULL;
    char text[512];

    if (functions_get(client, "/functions", &answer, NULL) != 0)
        return;
    if (json_object_object_get_ex(answer, "endpoints", &endpoints) &&
        json_object_is_type(endpoints, json_type_object)) {
        json_object_object_foreach(endpoints, scheme, url)
        {
            (void)scheme;
            (void)snprintf(text, sizeof(text), "%s/%s", json_object_get_string(url), name);
            line("url", text);
        }
    }
    json_object_put(answer);
}

/* --- both ---------------------------------------------------------------------------------------
 */

static int print(const struct request *request, struct client *client, json_object *answer)
{
    if (request->json)
        return print_object(answer);
    if (request->named.name == NULL)
        return print_list(functions_list(answer));
    print_one(answer);
    print_urls(client, request->named.name);
    return finish_output();
}

static int run(struct request *request, const char *path)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct client *client = NULL;
    json_object *answer = NULL;
    int rc, status;

    request->named.node.limit_ms = ANSWER_LIMIT_MS;
    rc = client_new(&client, &request->named.node, &err);
    if (rc == 0)
        rc = functions_get(client, path, &answer, &err);
    status = rc == 0 ? print(request, client, answer) : say_failure(&err);
    json_object_put(answer);
    client_free(client);
    return status;
}

int list_command(int argc, char **argv)
{
    struct request request = {.json = 0};

    if (argp_parse(&list_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    return run(&request, "/functions");
}

int describe_command(int argc, char **argv)
{
    struct request request = {.named.wants_name = true};
    struct enoki_error err = ENOKI_ERROR_INIT;
    char path[300];

    if (argp_parse(&describe_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    if (function_path(path, sizeof(path), request.named.name, &err) != 0)
        return say_failure(&err);
    return run(&request, path);
}
