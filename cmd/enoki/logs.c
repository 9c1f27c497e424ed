#include "commands.h"
#include "functions.h"
#include "named.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 65536u

struct request {
    struct client_options node;
    const char *name;
    bool follow;
    unsigned long tail; /* 0: all */
};

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on with what is written from now on, until interrupted", 0},
    {"tail", 'n', "N", 0, "Only the last N lines of a function (default: all that are kept)", 0},
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
    case 'f':
        request->follow = true;
        return 0;
    case 'n':
        errno = 0;
        request->tail = strtoul(arg, &end, 10);
        if (arg[0] < '0' || arg[0] > '9' || *end != '\0' || errno != 0 || request->tail == 0 ||
            request->tail > 1000000000)
            argp_error(state, "--tail '%s' is no number of lines", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (request->name != NULL)
            argp_error(state, "too many arguments: '%s'", arg);
        request->name = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp logs_argp = {
    options,
    parse,
    "[NAME]",
    "Shows what functions wrote, one's or all: function, handler (the number of its process), "
    "stream, time, text. On a terminal each handler has a colour; standard error is "
    "yellow." EXIT_STATUS,
    client_children,
    NULL,
    NULL,
};

/* Pieces become lines. */
struct printer {
    bool is_coloured;
    char line[LINE_MAX_BYTES];
    size_t len;
};

/* "function=F handler=N stream=S TIME TEXT" */
static void print_coloured(char *line, size_t len)
{
    static const enum colour colours[] = {CYAN, GREEN, MAGENTA, BLUE};
    char *handler = strstr(line, " handler="), *stream = strstr(line, " stream=");
    char *time = stream == NULL ? NULL : strchr(stream + 1, ' ');
    char *text = time == NULL ? NULL : strchr(time + 1, ' ');

    make_printable(line, len);
    if (strncmp(line, "function=", 9) != 0 || handler == NULL || text == NULL || handler > stream) {
        (void)printf("%.*s\n", (int)len, line);
        return;
    }
    (void)printf("%s%.*s%s %s%.*s%s%s%.*s%s\n",
                 terminal_colour(stdout, colours[strtoul(handler + 9, NULL, 10) % 4]),
                 (int)(stream - line), line, terminal_colour(stdout, PLAIN),
                 terminal_colour(stdout, DIM), (int)(text - stream - 1), stream + 1,
                 terminal_colour(stdout, PLAIN),
                 strncmp(stream, " stream=stderr", 14) == 0 ? terminal_colour(stdout, YELLOW) : "",
                 (int)(line + len - text), text, terminal_colour(stdout, PLAIN));
}

/* Empty ones are the node's, between functions. */
static void end_line(struct printer *printer)
{
    printer->line[printer->len] = '\0';
    if (printer->len > 0 && printer->is_coloured)
        print_coloured(printer->line, printer->len);
    else if (printer->len > 0)
        (void)printf("%s\n", printer->line);
    printer->len = 0;
}

static bool print(void *context, const char *bytes, size_t len)
{
    struct printer *printer = context;

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\0')
            printer->line[printer->len++] = bytes[i];
        if (bytes[i] == '\n' || printer->len == sizeof(printer->line) - 1)
            end_line(printer);
    }
    /* Who follows wants it now. */
    return fflush(stdout) == 0;
}

static int run(struct request *request, struct enoki_error *err)
{
    struct printer *printer = calloc(1, sizeof(*printer));
    struct client *client = NULL;
    char path[400], name[300] = "", tail[32] = "";
    int rc = printer == NULL ? enoki_error_set(err, ENOKI_ENOMEM, "no memory for a line") : 0;

    if (rc == 0 && request->name != NULL)
        rc = function_path(name, sizeof(name), request->name, err);
    if (rc == 0)
        rc = client_new(&client, &request->node, err);
    if (rc == 0) {
        printer->is_coloured = terminal_has_colour(stdout);
        if (request->tail != 0)
            (void)snprintf(tail, sizeof(tail), "&tail=%lu", request->tail);
        (void)snprintf(path, sizeof(path), "/logs?follow=%d%s%s%s", request->follow,
                       request->name != NULL ? "&name=" : "",
                       request->name != NULL ? request->name : "", tail);
        rc = client_stream(client, path, print, printer, err);
        if (printer->len > 0)
            end_line(printer);
    }
    client_free(client);
    free(printer);
    return rc;
}

int logs_command(int argc, char **argv)
{
    struct request request = {.name = NULL};
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (argp_parse(&logs_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    if (run(&request, &err) != 0)
        return say_failure(&err);
    return finish_output();
}
