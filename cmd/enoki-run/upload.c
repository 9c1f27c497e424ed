#include "upload_state.h"

#include "deploy.h"
#include "fetch.h"
#include "identity.h"
#include "package.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the builder's thread -----------------------------------------------------------------------
 */

static bool is_ending(void *context)
{
    struct uploads *uploads = context;
    bool ending;

    (void)pthread_mutex_lock(&uploads->mutex);
    ending = uploads->ending;
    (void)pthread_mutex_unlock(&uploads->mutex);
    return ending;
}

static int fetch(struct job *job, struct deploy_request *request, const char *url)
{
    struct en_buffer package = EN_BUFFER_INIT(FETCH_MAX_BYTES);
    const struct fetch_options options = {.allowed = job->uploads->urls,
                                          .stopped = is_ending,
                                          .context = job->uploads};
    int rc = fetch_url(&options, url, &package, &job->err);

    if (rc == 0)
        rc = deploy_set_package(request, &package, &job->err);
    en_buffer_fini(&package);
    return rc;
}

/* Who will run the function builds it too. */
static int find_builder(struct job *job, struct identity *out)
{
    const struct enoki_node_settings *node = node_settings(job->uploads->node);
    struct enoki_function_settings function = {
        .name = job->name, .code = "", .runtime = "prefork"};
    struct settings *settings = NULL;
    int rc = settings_copy(&settings, node, &function);

    if (rc != 0)
        return enoki_error_set(&job->err, rc, "no memory to build '%s'", job->name);
    rc = identity_find(out, node, settings, &job->err);
    settings_free(settings);
    return rc;
}

static int build(struct job *job, const struct deployment *deployment, const void *zip, size_t len,
                 char *staged)
{
    char folder[PATH_MAX], code[PATH_MAX];
    struct builder builder = BUILDER_INIT;
    int rc;

    if (snprintf(folder, sizeof(folder), "%s/code", staged) >= (int)sizeof(folder))
        return enoki_error_set(&job->err, ENOKI_EINVAL, "deploy.path is too long");
    if (deploy_make_folder(folder, &job->err) != 0)
        return job->err.status;
    rc = package_unpack(zip, len, folder, &job->err);
    if (rc == 0)
        rc = package_take_subfolder(folder, deployment->subfolder, &job->err);
    if (rc == 0)
        rc = find_builder(job, &builder.identity);
    if (rc == 0)
        rc = package_prepare(deployment->env, folder, job->uploads->root, &builder, code,
                             sizeof(code), &job->err);
    if (rc == 0)
        rc = store_add(job->uploads->root, staged,
                       strlen(code) > strlen(folder) ? code + strlen(folder) + 1 : "", deployment,
                       &job->err);
    job->output = builder.output;
    return rc;
}

static void run_upload(struct job *job)
{
    bool by_url = job->kind == JOB_UPLOAD_BY_URL;
    struct deploy_request *request = NULL;
    const struct deployment *deployment;
    char staged[PATH_MAX], current[65];
    const void *zip;
    size_t len;

    job->rc = deploy_parse(&request, job->inv->request.body.data, job->inv->request.body.len,
                           by_url, &job->err);
    if (job->rc != 0)
        return;
    deployment = deploy_get(request, &zip, &len);
    if (by_url)
        job->rc = fetch(job, request, deployment->url);
    if (job->rc != 0) {
        deploy_free(request);
        return;
    }
    deployment = deploy_get(request, &zip, &len);
    (void)snprintf(job->name, sizeof(job->name), "%s", deployment->name);
    (void)snprintf(job->version, sizeof(job->version), "%s", deployment->version);
    if (store_version(job->uploads->root, job->name, "current", current, NULL) == 0 &&
        strcmp(current, job->version) == 0) {
        job->keep = true;
    } else {
        job->rc = store_stage(job->uploads->root, staged, &job->err);
        if (job->rc == 0) {
            job->rc = build(job, deployment, zip, len, staged);
            package_remove(staged); /* if it is still there */
        }
    }
    deploy_free(request);
}

static void *build_all(void *context)
{
    struct uploads *uploads = context;

    (void)pthread_mutex_lock(&uploads->mutex);
    while (!uploads->ending) {
        struct job *job = uploads->waiting;
        struct job **last = &uploads->built;

        if (job == NULL) {
            (void)pthread_cond_wait(&uploads->changed, &uploads->mutex);
            continue;
        }
        uploads->waiting = job->next;
        (void)pthread_mutex_unlock(&uploads->mutex);
        if (job->kind == JOB_REMOVE)
            removal_run(job);
        else
            run_upload(job);
        (void)pthread_mutex_lock(&uploads->mutex);
        job->next = NULL;
        while (*last != NULL)
            last = &(*last)->next;
        *last = job;
        en_wake_send(uploads->wake);
    }
    (void)pthread_mutex_unlock(&uploads->mutex);
    return NULL;
}

/* --- the loop's ---------------------------------------------------------------------------------
 */

static int http_status(int rc)
{
    switch (rc) {
    case ENOKI_EPROTO:
        return 400; /* the JSON */
    default:
        return 500;
    }
}

/* As tinyFaaS answers: a line for each protocol, "http://:8000/NAME", without an address. */
static size_t list_urls(const struct node *node, const char *name, char *out, size_t size)
{
    char url[160];
    size_t len = 0;

    for (size_t i = 0; node_url(node, i, url, sizeof(url)); i++) {
        int added = snprintf(out + len, size - len, "%.*s://%s/%s\n", (int)strcspn(url, ":"), url,
                             strrchr(url, ':'), name);

        if (added < 0 || (size_t)added >= size - len)
            break;
        len += (size_t)added;
    }
    return len;
}

static void fail_with_output(struct job *job)
{
    struct en_buffer text = EN_BUFFER_INIT(STEP_OUTPUT_MAX_BYTES + ENOKI_ERROR_MESSAGE_BYTES);

    if (en_buffer_appendf(&text, "%s:\n%s\n", job->err.message, job->output.data) == 0)
        enoki_invocation_reply(job->inv, http_status(job->rc), text.data, text.len);
    else
        en_invocation_fail(job->inv, http_status(job->rc), "building failed\n");
    en_buffer_fini(&text);
}

static void answer(struct job *job)
{
    struct metrics_uploads *done = &job->uploads->done;
    char text[ENOKI_ERROR_MESSAGE_BYTES + 2];

    if (job->inv != NULL && job->kind != JOB_REMOVE)
        (*(job->rc == 0 ? &done->ok : &done->failed))++;

    if (job->inv != NULL && job->rc != 0 && job->output.len > 0) {
        fail_with_output(job);
    } else if (job->inv != NULL && job->rc != 0) {
        (void)snprintf(text, sizeof(text), "%s\n", job->err.message);
        en_invocation_fail(job->inv, http_status(job->rc), text);
    } else if (job->inv != NULL) {
        size_t len = job->kind == JOB_REMOVE
                         ? 0
                         : list_urls(job->uploads->node, job->name, text, sizeof(text));

        enoki_invocation_reply(job->inv, 200, text, len);
    }
    job->inv = NULL;
    job_free(job);
}

/* Another deployment of the same package needs its code. */
static bool is_wanted(const struct function *function, const char *version)
{
    const struct settings *next = function == NULL ? NULL : function->next;

    return next != NULL && next->digest != NULL && strcmp(next->digest, version) == 0;
}

static void clean_up(struct job *job, struct function *function)
{
    struct uploads *uploads = job->uploads;
    bool is_overtaken = job->rc == ENOKI_ECLOSED;
    bool is_needed = is_overtaken && is_wanted(function, job->version);

    if (job->keep)
        return;
    /* A function that never worked is not kept: its upload failed. */
    if (!is_overtaken && function != NULL && function->generation == 0)
        node_remove(uploads->node, function);
    if (!is_needed)
        removal_of_version(job);
}

static void on_started(void *context, const struct enoki_error *err)
{
    struct job *job = context;
    struct uploads *uploads = job->uploads;

    if (err == NULL) {
        job->rc = store_switch(uploads->root, job->name, job->version, &job->err);
    } else {
        job->rc = err->status;
        job->err = *err;
        clean_up(job, node_find(uploads->node, job->name, strlen(job->name)));
    }
    answer(job);
}

static bool is_of_file(const struct function *function)
{
    const struct settings *settings = function_settings(function);

    return settings->env == NULL;
}

static void start(struct job *job)
{
    struct uploads *uploads = job->uploads;
    struct function *known = node_find(uploads->node, job->name, strlen(job->name));
    struct settings *settings = NULL;
    int rc;

    if (job->rc == 0 && known != NULL && is_of_file(known))
        job->rc = enoki_error_set(&job->err, ENOKI_EINVAL,
                                  "'%s' is a function of the configuration file: change it there, "
                                  "or upload under another name",
                                  job->name);
    if (job->rc == 0 && known != NULL && known->generation != 0 && known->next == NULL &&
        strcmp(known->settings->digest, job->version) == 0) {
        answer(job); /* the same once more */
        return;
    }
    if (job->rc == 0)
        job->rc = store_load(&settings, uploads->root, job->name, job->version,
                             node_settings(uploads->node), &job->err);
    if (job->rc != 0) {
        removal_of_version(job);
        answer(job);
        return;
    }
    /* What was ready before the node was started may sleep at once. */
    settings->must_prove = !job->keep;
    rc = node_deploy(uploads->node, settings, on_started, job);
    if (rc == 0)
        return; /* the job may be answered, and gone */
    settings_free(settings);
    job->rc = rc;
    (void)enoki_error_set(&job->err, job->rc, "'%s' cannot be deployed: %s", job->name,
                          enoki_error_text(job->rc));
    removal_of_version(job);
    answer(job);
}

static void on_built(void *context)
{
    struct uploads *uploads = context;
    struct job *built;

    (void)pthread_mutex_lock(&uploads->mutex);
    built = uploads->built;
    uploads->built = NULL;
    (void)pthread_mutex_unlock(&uploads->mutex);
    while (built != NULL) {
        struct job *next = built->next;

        /* What a step left outside of its process group. */
        if (built->kind != JOB_REMOVE)
            node_expect_strays(uploads->node);
        if (built->kind == JOB_REMOVE)
            answer(built);
        else
            start(built);
        built = next;
    }
}

struct job *job_new(struct uploads *uploads, struct enoki_invocation *inv, enum job_kind kind)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL && inv != NULL)
        en_invocation_fail(inv, 503, "no memory for this: try again later\n");
    if (job == NULL)
        return NULL;
    job->uploads = uploads;
    job->inv = inv;
    job->kind = kind;
    return job;
}

void job_free(struct job *job)
{
    if (job->inv != NULL)
        en_invocation_fail(job->inv, 503, "the node stops\n");
    free(job->code);
    free(job->state);
    free(job->keygroup);
    en_buffer_fini(&job->output);
    free(job);
}

void job_queue(struct job *job)
{
    struct uploads *uploads = job->uploads;
    struct job **last = &uploads->waiting;

    (void)pthread_mutex_lock(&uploads->mutex);
    while (*last != NULL)
        last = &(*last)->next;
    *last = job;
    (void)pthread_cond_signal(&uploads->changed);
    (void)pthread_mutex_unlock(&uploads->mutex);
}

struct metrics_uploads uploads_done(const struct uploads *uploads)
{
    return uploads->done;
}

void uploads_submit(struct uploads *uploads, struct enoki_invocation *inv, bool by_url)
{
    struct job *job = job_new(uploads, inv, by_url ? JOB_UPLOAD_BY_URL : JOB_UPLOAD);

    if (job != NULL)
        job_queue(job);
}

static void restore(void *context, const char *name)
{
    struct uploads *uploads = context;
    struct job *job = job_new(uploads, NULL, JOB_SWITCH);

    if (job == NULL)
        return;
    job->keep = true;
    (void)snprintf(job->name, sizeof(job->name), "%s", name);
    job->rc = store_version(uploads->root, name, "current", job->version, &job->err);
    start(job);
}

void uploads_restore(struct uploads *uploads)
{
    store_each(uploads->root, restore, uploads);
}

void uploads_reload(struct uploads *uploads)
{
    for (size_t i = 0; i < node_function_count(uploads->node); i++) {
        struct function *function = node_function_at(uploads->node, i);
        const struct settings *now = function->settings;
        struct settings *fresh = NULL;

        if (now == NULL || is_of_file(function) || function->next != NULL ||
            store_load(&fresh, uploads->root, function->name, now->digest,
                       node_settings(uploads->node), NULL) != 0)
            continue;
        if (settings_equal(now, fresh) || node_deploy(uploads->node, fresh, NULL, NULL) != 0)
            settings_free(fresh);
    }
}

void uploads_roll_back(struct uploads *uploads, struct enoki_invocation *inv, const char *name)
{
    struct job *job = job_new(uploads, inv, JOB_SWITCH);

    if (job == NULL)
        return;
    job->keep = true;
    (void)snprintf(job->name, sizeof(job->name), "%s", name);
    job->rc = store_version(uploads->root, name, "previous", job->version, &job->err);
    if (job->rc != 0)
        (void)enoki_error_set(&job->err, job->rc, "'%s' has no version before this one", name);
    start(job);
}

int uploads_new(struct uploads **out, struct node *node, const char *root, struct enoki_error *err)
{
    struct uploads *uploads = calloc(1, sizeof(*uploads));
    int rc = store_open(root, err);

    if (rc != 0 || uploads == NULL) {
        free(uploads);
        return rc != 0 ? rc : enoki_error_set(err, ENOKI_ENOMEM, "no memory for uploads");
    }
    uploads->node = node;
    uploads->urls = node_settings(node)->deploy_urls;
    /* Absolute: runtimes and steps have working directories of their own. */
    uploads->root = realpath(root, NULL);
    (void)pthread_mutex_init(&uploads->mutex, NULL);
    (void)pthread_cond_init(&uploads->changed, NULL);
    rc = uploads->root == NULL ? ENOKI_EIO
                               : en_wake_new(&uploads->wake, node_loop(node), on_built, uploads);
    if (rc == 0) {
        uploads->has_builder = pthread_create(&uploads->builder, NULL, build_all, uploads) == 0;
        rc = uploads->has_builder ? 0 : ENOKI_ENOMEM;
    }
    if (rc != 0) {
        uploads_free(uploads);
        return enoki_error_set(err, rc, "uploads cannot be served: %s", enoki_error_text(rc));
    }
    *out = uploads;
    return 0;
}

static void free_jobs(struct job *job)
{
    while (job != NULL) {
        struct job *next = job->next;

        job_free(job);
        job = next;
    }
}

void uploads_free(struct uploads *uploads)
{
    if (uploads == NULL)
        return;
    (void)pthread_mutex_lock(&uploads->mutex);
    uploads->ending = true;
    (void)pthread_cond_signal(&uploads->changed);
    (void)pthread_mutex_unlock(&uploads->mutex);
    if (uploads->has_builder)
        (void)pthread_join(uploads->builder, NULL);
    free_jobs(uploads->waiting);
    free_jobs(uploads->built);
    free_jobs(uploads->removals);
    en_wake_free(uploads->wake);
    (void)pthread_mutex_destroy(&uploads->mutex);
    (void)pthread_cond_destroy(&uploads->changed);
    free(uploads->root);
    free(uploads);
}
