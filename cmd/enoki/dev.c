#include "commands.h"
#include "dev_loop.h"
#include "terminal.h"

#include <string.h>

#define VARIABLES_MAX 1000u

struct request {
    struct dev_options dev;
    const char *variables[VARIABLES_MAX];
};

static const struct argp_option options[] = {
    {"name", 'n', "NAME", 0, "What it is called (default: the name of the file or folder)", 0},
    {"listen", 'l', "ADDRESS:PORT", 0, "Where it is called (default 127.0.0.1:8000)", 0},
    {"folder", 'f', "FOLDER", 0,
     "Where builds and the function's items are (default .enoki-dev/NAME)", 0},
    {"runtime", 'r', "thread|prefork|process", 0, "How it runs (default prefork)", 0},
    {"workers", 'w', "N|MIN-MAX", 0, "Workers (default 1)", 0},
    {"variable", 'e', "K=V", 0, "A variable for the function; repeatable", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;
    struct dev_options *dev = &request->dev;

    switch (key) {
    case 'n':
        dev->name = arg;
        return 0;
    case 'l':
        dev->listen = arg;
        return 0;
    case 'f':
        dev->folder = arg;
        return 0;
    case 'r':
        dev->runtime = arg;
        return 0;
    case 'w':
        dev->workers = arg;
        return 0;
    case 'e':
        if (strchr(arg, '=') == NULL || dev->variable_count == VARIABLES_MAX)
            argp_error(state, "-e '%s': allowed: K=V, at most %u times", arg, VARIABLES_MAX);
        request->variables[dev->variable_count++] = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (dev->path != NULL)
            argp_error(state, "too many arguments: '%s'", arg);
        dev->path = arg;
        return 0;
    case ARGP_KEY_END:
        if (dev->path == NULL)
            argp_error(state, "a FILE or FOLDER is required");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp dev_argp = {
    options,
    parse,
    "FILE|FOLDER",
    "Runs a function while it is written: builds it, serves it, and does so again whenever a file "
    "of "
    "it is saved. No call is lost on the way; what does not compile or start is told, and the "
    "version before goes on. Items are kept until the next time. A FILE is .c, .so, .py or .sh; "
    "the "
    "C compiler is cc with CFLAGS and LDLIBS of the environment. ^C ends it." EXIT_STATUS,
    NULL,
    NULL,
    NULL,
};

int dev_command(int argc, char **argv)
{
    static struct request request = {.dev = {.listen = "127.0.0.1:8000", .workers = "1"}};
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (argp_parse(&dev_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    request.dev.variables = request.variables;
    if (dev_loop_run(&request.dev, &err) == 0)
        return finish_output();
    say_error("%s", err.message);
    return err.status == ENOKI_EINVAL ? 2 : 1;
}
