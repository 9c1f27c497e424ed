#include "manage_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A package in base64. */
#define BODY_MAX_BYTES (512u << 20)
/* Of who gets no answer but a refusal. */
#define CLOSED_BODY_MAX_BYTES 65536u

void manage_reply(struct enoki_invocation *inv, int status, const char *type,
                  const struct en_buffer *body)
{
    struct en_reply answer;

    en_reply_init(&answer, MANAGE_REPLY_MAX_BYTES);
    answer.status = status;
    if ((type != NULL && en_reply_add_header(&answer, "Content-Type", type, NULL) != 0) ||
        en_buffer_append(&answer.body, body->data, body->len) != 0)
        en_reply_text(&answer, 500, "out of memory for the reply\n");
    en_invocation_finish(inv, &answer);
    en_reply_fini(&answer);
}

static const struct path {
    const char *path;
    const char *method;
    manage_fn run;
    bool takes_head; /* what tinyFaaS has is for its own methods alone */
} paths[] = {
    {"/upload", "POST", manage_upload, false},
    {"/uploadURL", "POST", manage_upload_url, false},
    {"/delete", "POST", manage_delete, false},
    {"/wipe", "POST", manage_wipe, false},
    {"/rollback", "POST", manage_roll_back, false},
    {"/list", "GET", manage_list, false},
    {"/logs", "GET", manage_logs, false},
    {"/functions", "GET", manage_list_all, true},
    {"/metrics", "GET", manage_metrics, true},
    {"/health", "GET", manage_health, true},
    {"/ready", "GET", manage_ready, true},
    {"/", "GET", manage_page, true},
};

/* As the originals say it. */
static void fail_method(struct enoki_invocation *inv, const char *needed)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "this path wants the method %s\n", needed);
    en_invocation_fail(inv, 400, text);
}

void manage_fail_name(struct enoki_invocation *inv, int status, const char *name, size_t len)
{
    char text[384];

    (void)snprintf(text, sizeof(text),
                   "there is no function '%.*s' here; `enoki list` shows all\n",
                   len < 255 ? (int)len : 255, name);
    en_invocation_fail(inv, status, text);
}

static void serve(struct manage *manage, struct enoki_invocation *inv)
{
    static const char one[] = "/functions/";

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strcmp(inv->request.path.data, paths[i].path) != 0)
            continue;
        if (en_request_method_is(&inv->request, paths[i].method) ||
            (paths[i].takes_head && en_request_method_is(&inv->request, "HEAD")))
            paths[i].run(manage, inv);
        else
            fail_method(inv, paths[i].method);
        return;
    }
    if (strncmp(inv->request.path.data, one, sizeof(one) - 1) == 0 &&
        en_request_method_is(&inv->request, "GET"))
        manage_describe(manage, inv, inv->request.path.data + sizeof(one) - 1);
    else
        en_invocation_fail(inv, 404, "404 page not found\n");
}

/* Who has connected over TCP, as far as the connection tells, is known to be allowed to. */
static void submit(void *context, struct enoki_invocation *inv)
{
    struct manage *manage = context;
    int status;
    const char *refusal = access_check(&manage->access, &inv->request, &status);

    if (refusal != NULL)
        en_invocation_fail(inv, status, refusal);
    else
        serve(manage, inv);
}

static void submit_local(void *context, struct enoki_invocation *inv)
{
    serve(context, inv);
}

static void submit_closed(void *context, struct enoki_invocation *inv)
{
    (void)context;
    en_invocation_fail(inv, 403, access_refusal);
}

static const struct en_site *admit(void *context, int fd)
{
    const struct manage *manage = context;

    return access_admits(&manage->access, fd) ? &manage->site : &manage->closed_site;
}

static const struct en_site *admit_local(void *context, int fd)
{
    const struct manage *manage = context;

    return access_admits_user(fd) ? &manage->local_site : &manage->closed_site;
}

static enum en_route find(void *context, const struct en_request *request, struct en_target *target)
{
    const struct manage *manage = context;

    (void)request;
    *target = (struct en_target){
        .subpath = {"", 0}, .function = "management", .timeout_ms = manage->limits.call_timeout_ms};
    return EN_ROUTE_CALL;
}

int manage_new(struct manage **out, const struct enoki_node_settings *settings,
               struct enoki_error *err)
{
    struct manage *manage = calloc(1, sizeof(*manage));
    int rc;

    if (manage == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the management API");
    manage->deploy_path = settings->deploy_path;
    manage->limits = settings->limits;
    manage->limits.max_body_bytes = BODY_MAX_BYTES;
    manage->limits.max_reply_bytes = MANAGE_REPLY_MAX_BYTES;
    manage->limits.call_timeout_ms = 600000;
    manage->closed_limits = manage->limits;
    manage->closed_limits.max_body_bytes = CLOSED_BODY_MAX_BYTES;
    manage->site = (struct en_site){.limits = &manage->limits,
                                    .find = find,
                                    .submit = submit,
                                    .admit = admit,
                                    .context = manage};
    manage->local_site = manage->closed_site = manage->site;
    manage->local_site.submit = submit_local;
    manage->local_site.admit = admit_local;
    manage->closed_site.submit = submit_closed;
    manage->closed_site.limits = &manage->closed_limits;
    rc = access_open(&manage->access, settings, err);
    if (rc != 0) {
        free(manage);
        return rc;
    }
    *out = manage;
    return 0;
}

void manage_free(struct manage *manage)
{
    free(manage);
}

const struct en_site *manage_site(const struct manage *manage)
{
    return &manage->site;
}

const struct en_site *manage_local_site(const struct manage *manage)
{
    return &manage->local_site;
}

int manage_start(struct manage *manage, struct node *node, struct enoki_error *err)
{
    int rc;

    manage->node = node;
    rc = uploads_new(&manage->uploads, node, manage->deploy_path, err);
    if (rc == 0)
        uploads_restore(manage->uploads);
    return rc;
}

void manage_reload(struct manage *manage)
{
    if (manage != NULL && manage->uploads != NULL)
        uploads_reload(manage->uploads);
}

void manage_function_gone(struct manage *manage, const struct function *function)
{
    if (manage != NULL && manage->uploads != NULL)
        uploads_function_gone(manage->uploads, function);
}

void manage_stop(struct manage *manage)
{
    if (manage == NULL)
        return;
    uploads_free(manage->uploads);
    manage->uploads = NULL;
}
