#include "commands.h"
#include "functions.h"
#include "named.h"

#include <string.h>

/* delete, wipe and rollback: one name or none, and perhaps a question. */
struct request {
    struct named named;
    bool yes, data;
};

static const struct argp_option delete_options[] = {
    {"data", 'D', NULL, 0, "Its keygroup with all items too; asks first", 0},
    {"yes", 'y', NULL, 0, "Do not ask", 0},
    {0},
};

static const struct argp_option wipe_options[] = {
    {"yes", 'y', NULL, 0, "Do not ask", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;

    switch (key) {
    case 'D':
        request->data = true;
        return 0;
    case 'y':
        request->yes = true;
        return 0;
    default:
        return parse_named(key, arg, state, &request->named);
    }
}

const struct argp delete_argp = {
    delete_options,
    parse,
    "NAME",
    "Takes a deployed function off the node after its last call. Its items stay, and are there "
    "again when it is deployed again; --data deletes them." EXIT_STATUS,
    client_children,
    NULL,
    NULL,
};

const struct argp wipe_argp = {
    wipe_options,
    parse,
    "",
    "Takes every deployed function off the node, those of its configuration file excepted. Items "
    "stay. Asks first." EXIT_STATUS,
    client_children,
    NULL,
    NULL,
};

const struct argp rollback_argp = {
    NULL,
    parse,
    "NAME",
    "Returns to the version of a function that was deployed before the current one; once more "
    "comes back." EXIT_STATUS,
    client_children,
    NULL,
    NULL,
};

static int post(struct request *request, const char *path)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct client *client = NULL;
    char text[300];
    int rc = request->named.name == NULL
                 ? 0
                 : function_path(text, sizeof(text), request->named.name, &err);

    if (rc == 0)
        rc = client_new(&client, &request->named.node, &err);
    if (rc == 0)
        rc = functions_post(client, path, request->named.name == NULL ? "" : request->named.name,
                            request->data ? "data" : NULL, &err);
    client_free(client);
    return rc == 0 ? 0 : say_failure(&err);
}

int delete_command(int argc, char **argv)
{
    struct request request = {.named.wants_name = true};

    if (argp_parse(&delete_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    if (request.data &&
        !confirm(request.yes, "--yes", "Delete '%s' with all its data?", request.named.name))
        return 1;
    return post(&request, "/delete");
}

int wipe_command(int argc, char **argv)
{
    struct request request = {.yes = false};

    if (argp_parse(&wipe_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    if (!confirm(request.yes, "--yes", "Delete every deployed function of this node?"))
        return 1;
    return post(&request, "/wipe");
}

int rollback_command(int argc, char **argv)
{
    struct request request = {.named.wants_name = true};

    if (argp_parse(&rollback_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    return post(&request, "/rollback");
}
