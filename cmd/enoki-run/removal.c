#include "identity.h"
#include "package.h"
#include "upload_state.h"

#include <enoki/keygroup.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYGROUP_START "tinyFaaS"

static bool is_used(const struct node *node, const char *keygroup)
{
    for (size_t i = 0; i < node_function_count(node); i++) {
        const struct function *function = node_function_at(node, i);
        const char *own = function_settings(function)->function.keygroup;

        if (own != NULL ? strcmp(own, keygroup) == 0
                        : strcmp(function_name(function), keygroup + strlen(KEYGROUP_START)) == 0)
            return true;
    }
    return false;
}

void removal_of_version(const struct job *job)
{
    char keygroup[ENOKI_NAME_MAX + sizeof(KEYGROUP_START)];

    if (job->keep || job->version[0] == '\0')
        return;
    store_drop(job->uploads->root, job->name, job->version);
    (void)snprintf(keygroup, sizeof(keygroup), KEYGROUP_START "%s", job->name);
    if (!is_used(job->uploads->node, keygroup))
        identity_forget(node_settings(job->uploads->node)->state, keygroup);
}

/* Its code is out of the way at once, so that no restart brings it back; what its last calls may
 * still need goes when it does. */
static void put_code_aside(struct job *job)
{
    char aside[PATH_MAX];

    if (store_set_aside(job->uploads->root, job->name, aside) == 0)
        job->code = strdup(aside);
    else
        store_remove(job->uploads->root, job->name, NULL);
}

static int name_data(struct job *job, const struct function *function)
{
    const struct settings *settings =
        function->settings != NULL ? function->settings : function->next;
    const char *keygroup = settings->function.keygroup;

    job->state = strdup(settings->state);
    if (keygroup != NULL)
        job->keygroup = strdup(keygroup);
    else if (asprintf(&job->keygroup, "tinyFaaS%s", settings->function.name) < 0)
        job->keygroup = NULL;
    return job->state == NULL || job->keygroup == NULL ? ENOKI_ENOMEM : 0;
}

void uploads_remove(struct uploads *uploads, struct function *function,
                    struct enoki_invocation *inv, bool with_data)
{
    struct job *job = job_new(uploads, inv, JOB_REMOVE);

    if (job == NULL)
        return;
    if (with_data && name_data(job, function) != 0) {
        en_invocation_fail(inv, 503, "no memory for this: try again later\n");
        job->inv = NULL;
        job_free(job);
        return;
    }
    (void)snprintf(job->name, sizeof(job->name), "%s", function_name(function));
    put_code_aside(job);
    if (!with_data && inv != NULL) {
        enoki_invocation_reply(inv, 200, "", 0);
        job->inv = NULL;
    }
    job->function = function;
    job->next = uploads->removals;
    uploads->removals = job;
    node_remove(uploads->node, function);
}

void uploads_function_gone(struct uploads *uploads, const struct function *function)
{
    struct job **at = &uploads->removals;
    struct job *job;

    while (*at != NULL && (*at)->function != function)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    job = *at;
    *at = job->next;
    job->next = NULL;
    if (job->state != NULL && node_find(uploads->node, job->name, strlen(job->name)) != NULL) {
        en_invocation_fail(job->inv, 500, "it was deployed anew meanwhile: its data stays\n");
        job->inv = NULL;
        free(job->state);
        job->state = NULL;
    }
    job_queue(job);
}

void removal_run(struct job *job)
{
    if (job->code != NULL)
        package_remove(job->code);
    if (job->state == NULL)
        return;
    job->rc = enoki_keygroup_delete(job->state, job->keygroup, &job->err);
    if (job->rc == ENOKI_ENOTFOUND) { /* it never kept anything */
        identity_forget(job->state, job->keygroup);
        job->rc = 0;
    }
}
