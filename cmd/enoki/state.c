#include "commands.h"
#include "functions.h"
#include "print.h"

#include <enoki/state.h>

#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum action { GET, PUT, DEL, SCAN, KEYS, ACTIONS };

static const struct {
    const char *name;
    unsigned least; /* arguments behind KEYGROUP */
    unsigned most;
} actions[ACTIONS] = {{"get", 1, 1}, {"put", 2, 2}, {"del", 1, 1}, {"scan", 0, 1}, {"keys", 0, 1}};

struct request {
    enum action action;
    const char *texts[4]; /* action, keygroup, id, value */
    unsigned count;
    const char *uri;
    uint64_t items;
    int json;
    int all;
};

static const struct argp_option options[] = {
    {"state", 's', "URI", 0, "Where the data is (default embedded:./enoki-state)", 0},
    {"count", 'n', "N", 0, "scan, keys: at most so many ids (default 1000)", 0},
    {"all", 'a', NULL, 0, "get: every concurrent version on a line of its own", 0},
    {"json", 'j', NULL, 0, "A JSON array; values that are not UTF-8 are value_hex", 0},
    {0},
};

static error_t check_texts(struct request *request, struct argp_state *state)
{
    unsigned given = request->count;

    if (given < 2)
        argp_error(state, "ACTION and KEYGROUP are required");
    for (unsigned i = 0; i < ACTIONS; i++) {
        if (strcmp(request->texts[0], actions[i].name) != 0)
            continue;
        request->action = (enum action)i;
        if (given - 2 < actions[i].least || given - 2 > actions[i].most)
            argp_error(state, "%s takes %s", actions[i].name,
                       i == PUT                 ? "KEYGROUP ID VALUE"
                       : i == SCAN || i == KEYS ? "KEYGROUP [START]"
                                                : "KEYGROUP ID");
        return 0;
    }
    argp_error(state, "unknown action '%s': get, put, del, scan or keys", request->texts[0]);
    return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;
    char *end;

    switch (key) {
    case 's':
        request->uri = arg;
        return 0;
    case 'n':
        errno = 0;
        request->items = strtoull(arg, &end, 10);
        if (arg[0] < '0' || arg[0] > '9' || *end != '\0' || errno != 0)
            argp_error(state, "-n '%s' is not a number", arg);
        return 0;
    case 'a':
        request->all = 1;
        return 0;
    case 'j':
        request->json = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (request->count == 4)
            argp_error(state, "too many arguments: '%s'", arg);
        else
            request->texts[request->count++] = arg;
        return 0;
    case ARGP_KEY_END:
        return check_texts(request, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* All of standard input; a byte more than a value may have is enough to refuse it. */
static char *read_input(size_t *len_out)
{
    size_t room = ENOKI_VALUE_MAX_BYTES + 1u, len;
    char *bytes = malloc(room);

    if (bytes == NULL)
        return NULL;
    len = fread(bytes, 1, room, stdin);
    if (ferror(stdin) != 0) {
        free(bytes);
        return NULL;
    }
    *len_out = len;
    return bytes;
}

static int put(struct enoki_state *state, const struct request *request, struct enoki_error *err)
{
    const char *value = request->texts[3];
    size_t len = strlen(value);
    char *input = NULL;
    int rc;

    if (strcmp(value, "-") == 0) {
        input = read_input(&len);
        if (input == NULL)
            return enoki_error_set(err, ENOKI_EIO, "cannot read standard input");
        value = input;
    }
    rc = enoki_state_update(state, request->texts[2], value, len, NULL, err);
    free(input);
    return rc;
}

/* Reads and prints; *status_out is 1 if printing failed. */
static int show(struct enoki_state *state, const struct request *request, int *status_out,
                struct enoki_error *err)
{
    struct enoki_items *items = NULL;
    int keys = request->action == KEYS, rc;

    if (request->action == GET)
        rc = enoki_state_read(state, request->texts[2], &items, err);
    else if (keys)
        rc = enoki_state_keys(state, request->texts[2], request->items, &items, err);
    else
        rc = enoki_state_scan(state, request->texts[2], request->items, &items, err);
    if (rc != 0)
        return rc;
    if (request->json)
        *status_out = print_json(items, keys);
    else if (request->action == GET && !request->all)
        *status_out = print_value(items);
    else
        *status_out = print_lines(items, keys);
    enoki_items_free(items);
    return 0;
}

static int run(const struct request *request, struct enoki_error *err, int *status_out)
{
    struct enoki_state_options open = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    int rc;

    open.uri = request->uri;
    open.keygroup = request->texts[1];
    open.must_exist = request->action != PUT;
    rc = enoki_state_open(&state, &open, err);
    if (rc == 0 && request->action == PUT)
        rc = put(state, request, err);
    else if (rc == 0 && request->action == DEL)
        rc = enoki_state_remove(state, request->texts[2], NULL, err);
    else if (rc == 0)
        rc = show(state, request, status_out, err);
    enoki_state_free(state);
    return rc;
}

const struct argp state_argp = {
    options,
    parse,
    "get KEYGROUP ID\nput KEYGROUP ID VALUE\ndel KEYGROUP ID\nscan KEYGROUP [START]\n"
    "keys KEYGROUP [START]",
    "Looks at and changes the items of a keygroup, also while functions use it. A VALUE of - "
    "is "
    "read from standard input.\vExit status: 0, 1 for a failure (get: nothing found), 2 for a "
    "usage error.",
    NULL,
    NULL,
    NULL,
};

int state_command(int argc, char **argv)
{
    struct request request = {.uri = "embedded:./enoki-state", .items = 1000};
    struct enoki_error err = ENOKI_ERROR_INIT;
    int status = 0;

    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        (void)setlocale(LC_CTYPE, "");
    if (argp_parse(&state_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    if (run(&request, &err, &status) == 0)
        return status;
    return say_failure(&err);
}
