#include "deploy.h"
#include "manage_state.h"

#include <json.h>
#include <string.h>

#define JSON_DEPTH 8
/* A request that only names a function. */
#define NAMING_MAX_BYTES 65536u

void manage_upload(struct manage *manage, struct enoki_invocation *inv)
{
    uploads_submit(manage->uploads, inv, false);
}

void manage_upload_url(struct manage *manage, struct enoki_invocation *inv)
{
    uploads_submit(manage->uploads, inv, true);
}

/* The function that the body's "name" names, or NULL after an answer; data_out: its "data". */
static struct function *named(struct manage *manage, struct enoki_invocation *inv, bool *data_out)
{
    json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    json_object *body = NULL;
    struct function *function = NULL;
    const char *name;

    if (tokener != NULL && inv->request.body.len <= NAMING_MAX_BYTES)
        body = json_tokener_parse_ex(tokener, inv->request.body.data, (int)inv->request.body.len);
    name = json_object_is_type(body, json_type_object) ? deploy_text(body, "name") : NULL;
    *data_out = name != NULL && deploy_is_true(body, "data");
    if (name == NULL) {
        en_invocation_fail(inv, 400, "the request's body is no JSON object with a text 'name'\n");
    } else {
        function = node_find(manage->node, name, strlen(name));
        if (function == NULL)
            manage_fail_name(inv, 500, name, strlen(name));
    }
    json_object_put(body);
    if (tokener != NULL)
        json_tokener_free(tokener);
    return function;
}

static bool was_uploaded(const struct function *function)
{
    const struct settings *settings = function_settings(function);

    return settings->env != NULL;
}

void manage_delete(struct manage *manage, struct enoki_invocation *inv)
{
    bool with_data;
    struct function *function = named(manage, inv, &with_data);

    if (function == NULL)
        return;
    if (!was_uploaded(function)) {
        en_invocation_fail(inv, 500,
                           "this function is the configuration file's: remove it there, "
                           "and send enoki-run SIGHUP\n");
        return;
    }
    uploads_remove(manage->uploads, function, inv, with_data);
}

void manage_wipe(struct manage *manage, struct enoki_invocation *inv)
{
    for (size_t i = node_function_count(manage->node); i > 0; i--) {
        struct function *function = node_function_at(manage->node, i - 1);

        if (was_uploaded(function))
            uploads_remove(manage->uploads, function, NULL, false);
    }
    enoki_invocation_reply(inv, 200, "", 0);
}

void manage_roll_back(struct manage *manage, struct enoki_invocation *inv)
{
    bool with_data;
    struct function *function = named(manage, inv, &with_data);

    if (function != NULL)
        uploads_roll_back(manage->uploads, inv, function_name(function));
}
