#include "commands.h"
#include "screen.h"
#include "table.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_LEAST_MS 100.0
#define INTERVAL_MOST_MS 3600000.0

struct request {
    struct client_options node;
    bool once;
    double interval_ms;
};

static const struct argp_option options[] = {
    {"once", '1', NULL, 0, "Print one table and end, as it does where no terminal is", 0},
    {"interval", 'i', "SECONDS", 0, "From one look to the next (default 1)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;
    char *end;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &request->node;
        return 0;
    case '1':
        request->once = true;
        return 0;
    case 'i':
        request->interval_ms = strtod(arg, &end) * 1000;
        if (end == arg || *end != '\0' ||
            !(request->interval_ms >= INTERVAL_LEAST_MS &&
              request->interval_ms <= INTERVAL_MOST_MS))
            argp_error(state, "--interval '%s': allowed: 0.1 to 3600", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp top_argp = {
    options,
    parse,
    "",
    "Shows what the functions of a node do, again every second: calls and errors per second, their "
    "mean time since the last look, the 99th percentile of the last half minute, calls that run "
    "and that wait, "
    "processes, memory. q ends it." EXIT_STATUS,
    client_children,
    NULL,
    NULL,
};

static const struct column columns[] = {
    {"NAME", false},  {"STATE", false}, {"CALLS/s", true},  {"ERR/s", true}, {"MEAN ms", true},
    {"P99 ms", true}, {"RUN", true},    {"WAIT", true},     {"PROCS", true}, {"MEM", true},
    {"CALLS", true},  {"ERRORS", true}, {"RESTARTS", true},
};

static void add_row(struct table *table, const struct function_info *now, const struct rates *rates)
{
    char text[16];

    table_add(table, BOLD, "%s", now->name);
    table_add(table, function_colour(now), "%s", now->state);
    table_add(table, PLAIN, "%s", short_count(text, rates->calls));
    table_add(table, rates->errors > 0 ? RED : PLAIN, "%s", short_count(text, rates->errors));
    table_add(table, PLAIN, "%s", rates->calls > 0 ? short_time(text, rates->mean_ms) : "-");
    table_add(table, PLAIN, "%s",
              now->recent_count > 0 ? short_time(text, now->recent_p99_ms) : "-");
    table_add(table, PLAIN, "%llu", (unsigned long long)now->running);
    table_add(table, now->queued > 0 ? YELLOW : PLAIN, "%llu", (unsigned long long)now->queued);
    table_add(table, PLAIN, "%llu", (unsigned long long)now->instances);
    table_add(table, PLAIN, "%s", short_size(text, now->memory_bytes));
    table_add(table, PLAIN, "%s", short_count(text, (double)now->calls));
    table_add(table, PLAIN, "%s", short_count(text, (double)now->errors));
    table_add(table, now->restarts > 0 ? YELLOW : PLAIN, "%llu", (unsigned long long)now->restarts);
}

/* One look, as text that fits; 0 for whatever it takes. */
static int draw(const struct watch *watch, FILE *out, unsigned width, unsigned lines)
{
    struct table table = {.columns = columns, .column_count = sizeof(columns) / sizeof(columns[0])};
    double sum = 0;
    char text[16], clock[16] = "";
    time_t now = time(NULL);
    struct tm parts;
    size_t count = watch_count(watch);
    bool failed;

    for (size_t i = 0; i < count; i++) {
        struct function_info function;
        struct rates rates;

        watch_at(watch, i, &function, &rates);
        sum += rates.calls;
        add_row(&table, &function, &rates);
    }
    if (localtime_r(&now, &parts) != NULL)
        (void)strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
    (void)fprintf(out, "%s  %zu function%s, %s calls/s\n\n", clock, count, count == 1 ? "" : "s",
                  short_count(text, sum));
    table_print(&table, out, width, lines > 3 ? lines - 3 : lines);
    failed = table.failed;
    table_fini(&table);
    return failed ? -1 : 0;
}

/* Two looks: rates need them. */
static int print_once(struct watch *watch, double interval_ms, struct enoki_error *err)
{
    struct timespec pause = {
        (time_t)(interval_ms / 1000),
        (long)((interval_ms - (double)(time_t)(interval_ms / 1000) * 1000) * 1e6)};
    int rc = watch_look(watch, err);

    if (rc != 0)
        return rc;
    (void)nanosleep(&pause, NULL);
    rc = watch_look(watch, err);
    if (rc == 0 && draw(watch, stdout, 0, 0) != 0)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "no memory for the table");
    return rc;
}

/* away: why the node does not answer; NULL: it does. */
static bool show(const struct watch *watch, const char *away)
{
    unsigned width, rows, used = 0;
    FILE *out = screen_begin();
    bool failed;

    if (out == NULL)
        return false;
    terminal_size(&width, &rows);
    if (away != NULL) {
        (void)fprintf(out, "%s%.*s%s\n", terminal_colour(stdout, RED), (int)width, away,
                      terminal_colour(stdout, PLAIN));
        used = 1;
    }
    failed = draw(watch, out, width, rows - used) != 0;
    return screen_end(out) && !failed;
}

/* A node that is away may come back: that is told in place. */
static int run_live(struct watch *watch, double interval_ms, struct enoki_error *err)
{
    struct enoki_error away = ENOKI_ERROR_INIT;
    int rc = watch_look(watch, err);

    if (rc == 0)
        rc = screen_open(err);
    if (rc != 0)
        return rc;
    while (show(watch, away.status != 0 ? away.message : NULL) &&
           screen_wait((unsigned)interval_ms) != 'q') {
        if (watch_look(watch, &away) == 0)
            away.status = 0;
    }
    screen_close();
    return 0;
}

int top_command(int argc, char **argv)
{
    struct request request = {.interval_ms = 1000};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct client *client = NULL;
    struct watch *watch = NULL;
    int rc;

    if (argp_parse(&top_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    request.node.limit_ms = ANSWER_LIMIT_MS;
    rc = client_new(&client, &request.node, &err);
    if (rc == 0)
        rc = watch_new(&watch, client, &err);
    if (rc == 0 && (request.once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)))
        rc = print_once(watch, request.interval_ms, &err);
    else if (rc == 0)
        rc = run_live(watch, request.interval_ms, &err);
    watch_free(watch);
    client_free(client);
    return rc == 0 ? finish_output() : say_failure(&err);
}
