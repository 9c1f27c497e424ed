#include "commands.h"
#include "functions.h"

#include <enoki/keygroup.h>

#include <argp.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum action { SHOW, REPLICATE, UNREPLICATE, DELETE, GRANT, REVOKE, ACTIONS };

static const struct {
    const char *name;
    unsigned arguments; /* behind the action */
    const char *form;
} actions[ACTIONS] = {{"show", 1, "KEYGROUP"},
                      {"replicate", 2, "KEYGROUP NODE"},
                      {"unreplicate", 2, "KEYGROUP NODE"},
                      {"delete", 1, "KEYGROUP"},
                      {"grant", 2, "KEYGROUP USER"},
                      {"revoke", 2, "KEYGROUP USER"}};

struct request {
    enum action action;
    const char *texts[3]; /* action, keygroup, node or user */
    unsigned count;
    const char *uri;
    int64_t expiry_s;
    int yes;
    int json;
};

static const struct argp_option options[] = {
    {"state", 's', "URI", 0, "Where the keygroup is: fred://HOST:PORT?tls=DIR&user=NAME&admin=NAME",
     0},
    {"expiry", 'e', "SECONDS", 0, "replicate: items are gone there so long after a write", 0},
    {"yes", 'y', NULL, 0, "delete: do not ask", 0},
    {"json", 'j', NULL, 0, "show: JSON", 0},
    {0},
};

static error_t check_texts(struct request *request, struct argp_state *state)
{
    if (request->count == 0)
        argp_error(state,
                   "ACTION is required: show, replicate, unreplicate, delete, grant or revoke");
    if (request->uri == NULL)
        argp_error(state, "-s URI is required");
    for (unsigned i = 0; i < ACTIONS; i++) {
        if (strcmp(request->texts[0], actions[i].name) != 0)
            continue;
        request->action = (enum action)i;
        if (request->count - 1 != actions[i].arguments)
            argp_error(state, "%s takes %s", actions[i].name, actions[i].form);
        return 0;
    }
    argp_error(state, "unknown action '%s': show, replicate, unreplicate, delete, grant or revoke",
               request->texts[0]);
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
    case 'e':
        errno = 0;
        request->expiry_s = strtoll(arg, &end, 10);
        if (arg[0] < '0' || arg[0] > '9' || *end != '\0' || errno != 0)
            argp_error(state, "--expiry '%s' is not a number of seconds", arg);
        return 0;
    case 'y':
        request->yes = 1;
        return 0;
    case 'j':
        request->json = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (request->count == 3)
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

static void print_json_info(const struct enoki_keygroup_info *info, const char *name)
{
    struct json_object *object = json_object_new_object();
    struct json_object *replicas = json_object_new_array();

    for (size_t i = 0; i < info->replica_count; i++) {
        const struct enoki_keygroup_replica *replica = &info->replicas[i];
        struct json_object *entry = json_object_new_object();

        (void)json_object_object_add(entry, "node", json_object_new_string(replica->node));
        (void)json_object_object_add(entry, "host", json_object_new_string(replica->host));
        (void)json_object_object_add(entry, "expiry", json_object_new_int64(replica->expiry_s));
        (void)json_object_array_add(replicas, entry);
    }
    (void)json_object_object_add(object, "keygroup", json_object_new_string(name));
    (void)json_object_object_add(object, "mutable",
                                 json_object_new_boolean(info->is_append_only == 0));
    (void)json_object_object_add(object, "replicas", replicas);
    (void)puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                          JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

static int show(const struct request *request, struct enoki_error *err)
{
    struct enoki_keygroup_info *info = NULL;
    int rc = enoki_keygroup_show(&info, request->uri, request->texts[1], err);

    if (rc != 0)
        return rc;
    if (request->json) {
        print_json_info(info, request->texts[1]);
    } else {
        (void)printf("%s\t%s\n", request->texts[1],
                     info->is_append_only ? "append-only" : "mutable");
        for (size_t i = 0; i < info->replica_count; i++) {
            (void)printf("%s\t%s\t", info->replicas[i].node, info->replicas[i].host);
            if (info->replicas[i].expiry_s > 0)
                (void)printf("expires after %lld s\n", (long long)info->replicas[i].expiry_s);
            else
                (void)printf("keeps\n");
        }
    }
    enoki_keygroup_info_free(info);
    return 0;
}

static int run(const struct request *request, struct enoki_error *err)
{
    const char *uri = request->uri, *keygroup = request->texts[1], *who = request->texts[2];

    switch (request->action) {
    case SHOW:
        return show(request, err);
    case REPLICATE:
        return enoki_keygroup_replicate(uri, keygroup, who, request->expiry_s, err);
    case UNREPLICATE:
        return enoki_keygroup_unreplicate(uri, keygroup, who, err);
    case DELETE:
        return enoki_keygroup_delete(uri, keygroup, err);
    case GRANT:
        return enoki_keygroup_grant(uri, keygroup, who, err);
    default:
        return enoki_keygroup_revoke(uri, keygroup, who, err);
    }
}

const struct argp keygroup_argp = {
    options,
    parse,
    "show KEYGROUP\nreplicate KEYGROUP NODE\nunreplicate KEYGROUP NODE\ndelete KEYGROUP\n"
    "grant KEYGROUP USER\nrevoke KEYGROUP USER",
    "Where FReD keeps a keygroup, and who may use it.\vExit status: 0, 1 for a failure, 2 for "
    "a usage error.",
    NULL,
    NULL,
    NULL,
};

int keygroup_command(int argc, char **argv)
{
    struct request request = {.uri = NULL};
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (argp_parse(&keygroup_argp, argc, argv, 0, NULL, &request) != 0)
        return 2;
    /* Data is never deleted by mistake. */
    if (request.action == DELETE &&
        !confirm(request.yes != 0, "--yes", "Delete keygroup '%s' with all its data at all nodes?",
                 request.texts[1]))
        return 1;
    if (run(&request, &err) == 0)
        return fflush(stdout) == 0 ? 0 : 1;
    return say_failure(&err);
}
