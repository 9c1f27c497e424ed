#include "commands.h"
#include "functions.h"
#include "upload.h"

#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 1000u
#define SECRETS_MAX 100u

struct request {
    struct client_options node;
    const char *path;
    struct upload upload;
    const char *variables[VARIABLES_MAX];
    const char *secrets[SECRETS_MAX];
};

static const struct argp_option options[] = {
    {"name", 'n', "NAME", 0, "What it is called (default: the name of the folder or file)", 0},
    {"env", 1, "python3|nodejs|binary|host|c|so", 0, "What it is (default: what its files tell)",
     0},
    {"workers", 'w', "N|MIN-MAX", 0, "Workers, fixed or as many as are needed", 0},
    {"runtime", 'r', "thread|prefork|process", 0, "How it runs (default prefork)", 0},
    {"variable", 'e', "K=V", 0, "A variable for the function; repeatable", 0},
    {"secret", 5, "K=FILE", 0, "A variable that is read from a file of the node; repeatable", 0},
    {"timeout", 2, "TIME", 0, "Deadline of a call, such as 5s", 0},
    {"instances", 3, "N|MIN-MAX", 0, "Processes, fixed or as many as are needed", 0},
    {"async", 4, "memory|durable", 0, "Where asynchronous calls wait", 0},
    {"subfolder", 6, "PATH", 0, "Of a URL's package: where in it the function is", 0},
    {0},
};

static void add_pair(const char **list, size_t *count, size_t most, const char *option,
                     const char *text, struct argp_state *state)
{
    if (strchr(text, '=') == NULL || text[0] == '=' || *count == most)
        argp_error(state, "%s '%s': allowed: %s, at most %zu times", option, text,
                   option[1] == '-' ? "K=FILE" : "K=V", most);
    else
        list[(*count)++] = text;
}

/* Settings that are one text each. */
static const char **text_of(struct upload *upload, int key)
{
    switch (key) {
    case 'n':
        return &upload->name;
    case 'w':
        return &upload->workers;
    case 'r':
        return &upload->runtime;
    case 1:
        return &upload->env;
    case 2:
        return &upload->timeout;
    case 3:
        return &upload->instances;
    case 4:
        return &upload->async;
    case 6:
        return &upload->subfolder;
    default:
        return NULL;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;
    struct upload *upload = &request->upload;
    const char **text = text_of(upload, key);

    if (text != NULL) {
        *text = arg;
        return 0;
    }
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &request->node;
        return 0;
    case 'e':
        add_pair(request->variables, &upload->variable_count, VARIABLES_MAX, "-e", arg, state);
        return 0;
    case 5:
        add_pair(request->secrets, &upload->secret_count, SECRETS_MAX, "--secret", arg, state);
        return 0;
    case ARGP_KEY_ARG:
        if (request->path != NULL)
            argp_error(state, "too many arguments: '%s'", arg);
        request->path = arg;
        return 0;
    case ARGP_KEY_END:
        if (request->path == NULL)
            argp_error(state, "a FOLDER, FILE, ZIP or URL is required");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp deploy_argp = {
    options,
    parse,
    "FOLDER|FILE|ZIP|URL",
    "Brings a function to a node, or its next version: that one starts beside the one that runs, "
    "which goes on if it does not become ready. Prints where it is called.\v"
    "Of a folder everything is taken but hidden files and what its .enokiignore names: a pattern "
    "on a line, as the shell has them. A FILE alone may be .c, .so, .py or .sh. The files tell "
    "what it is: " PACKAGE_KINDS ".\n\nExit status: 0, 1 for a failure, 2 for a usage error.",
    client_children,
    NULL,
    NULL,
};

/* "http://:8000/hello" gets the host that we ask. */
static int print_urls(const char *text, const char *host)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        const char *gap = strstr(text, "://:");

        if (gap != NULL && gap < text + len)
            (void)printf("%.*s%s%.*s\n", (int)(gap + 3 - text), text, host,
                         (int)(text + len - gap - 3), gap + 3);
        else
            (void)printf("%.*s\n", (int)len, text);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    return finish_output();
}

static int complete(struct request *request, const struct package *package, struct enoki_error *err)
{
    struct upload *upload = &request->upload;
    char path[300];

    upload->variables = request->variables;
    upload->secrets = request->secrets;
    if (upload->env == NULL)
        upload->env = package->env;
    if (upload->env == NULL)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%.200s' does not tell what it is (%s): say it with --env",
                               request->path, PACKAGE_KINDS);
    if (upload->name != NULL)
        return function_path(path, sizeof(path), upload->name, err);
    upload->name = package->name;
    if (function_path(path, sizeof(path), upload->name, NULL) != 0)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%.100s' is no name of a function (letters and digits): give it "
                               "one with -n",
                               upload->name);
    return 0;
}

/* A URL is the node's to fetch: what is in it does not tell anything here. */
static int take_package(struct request *request, struct package *package, struct enoki_error *err)
{
    struct upload *upload = &request->upload;

    if (strstr(request->path, "://") == NULL)
        return upload->subfolder != NULL
                   ? enoki_error_set(err, ENOKI_EINVAL, "--subfolder goes with a URL")
                   : package_make(package, request->path, err);
    if (upload->name == NULL || upload->env == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "a URL needs --name and --env");
    upload->url = request->path;
    return 0;
}

int deploy_command(int argc, char **argv)
{
    static struct request request;
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct package package = {.len = 0};
    struct client *client = NULL;
    struct answer answer = {.status = 0};
    int rc, status = 0;

    if (argp_parse(&deploy_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    rc = take_package(&request, &package, &err);
    if (rc == 0)
        rc = complete(&request, &package, &err);
    if (rc == 0)
        rc = client_new(&client, &request.node, &err);
    if (rc == 0)
        rc = upload_send(client, &request.upload, &package, &answer, &err);
    if (rc == 0)
        status = print_urls(answer.body, client_host(client));
    else
        status = say_failure(&err);
    answer_fini(&answer);
    client_free(client);
    package_fini(&package);
    return status;
}
