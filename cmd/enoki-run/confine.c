#include "confine.h"

#include "spawn.h"

#include "invoke/beside.h"
#include "state/uri.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool add(struct confine *confine, const char *option, const char *value)
{
    if (value == NULL || confine->count + 3 > CONFINE_WORDS_MAX)
        return false;
    if (option != NULL)
        confine->words[confine->count++] = option;
    confine->words[confine->count++] = value;
    return true;
}

static bool add_number(struct confine *confine, const char *option, uint64_t value)
{
    return add(confine, option,
               en_arena_textf(&confine->arena, "%llu", (unsigned long long)value));
}

static bool add_identity(struct confine *confine)
{
    const struct identity *identity = &confine->identity;

    return add(confine, NULL, "enoki-confine") &&
           (!identity->is_other || (add_number(confine, "--user", identity->user) &&
                                    add_number(confine, "--group", identity->group)));
}

static bool add_seccomp(struct confine *confine, const char *seccomp)
{
    if (seccomp != NULL && strcmp(seccomp, "off") == 0)
        return true;
    return add(confine, "--seccomp", seccomp == NULL ? "" : seccomp);
}

/* What must be readable is told before the runtime is there, with a way out. */
static bool add_needs(struct confine *confine, const struct settings *settings)
{
    struct en_uri uri;
    bool added;

    if (!confine->identity.is_other)
        return true;
    if (en_uri_parse(&uri, settings->state, NULL) != 0)
        return false;
    added = add(confine, "--needs",
                en_arena_textf(&confine->arena, "%s", settings->function.code)) &&
            add(confine, "--needs", confine->identity.folder) &&
            (settings->remotes_ca == NULL ||
             add(confine, "--needs",
                 en_arena_textf(&confine->arena, "%s", settings->remotes_ca)));
    if (added && uri.tls != NULL)
        added = add(confine, "--needs",
                    en_arena_textf(&confine->arena, "%s/%s.key", uri.tls, uri.user));
    en_uri_fini(&uri);
    return added;
}

/* Uploaded code belongs to the node; its user's group may read it. */
static int own_code(const struct confine *confine, const struct settings *settings,
                    struct enoki_error *err)
{
    const struct identity *identity = &confine->identity;
    char folder[PATH_MAX];
    const char *end = strstr(settings->function.code, "/code");
    struct stat status;

    if (settings->env == NULL || !identity->is_other || end == NULL)
        return 0;
    /* ROOT/NAME/VERSION/code */
    for (const char *next = end; (next = strstr(next + 1, "/code")) != NULL;)
        end = next[5] == '\0' || next[5] == '/' ? next : end;
    (void)snprintf(folder, sizeof(folder), "%.*s/code", (int)(end - settings->function.code),
                   settings->function.code);
    if (lstat(folder, &status) == 0 && status.st_uid != identity->user &&
        status.st_gid == identity->group)
        return 0;
    return identity_take(identity, folder, err);
}

int confine_runtime(struct confine *confine, const struct work *work,
                    const struct enoki_node_settings *node, const struct settings *settings,
                    struct enoki_error *err)
{
    char folder[PATH_MAX];
    int rc;

    *confine = (struct confine){.count = 0};
    rc = identity_find(&confine->identity, node, settings, err);
    if (rc == 0 && work != NULL)
        rc = work_folder(work, settings->function.name, &confine->identity, folder, err);
    if (rc == 0)
        rc = own_code(confine, settings, err);
    if (rc != 0)
        return rc;
    if (!add_identity(confine) || !add_needs(confine, settings) ||
        (work != NULL &&
         !add(confine, "--directory", en_arena_textf(&confine->arena, "%s", folder))) ||
        !add_seccomp(confine, settings->function.seccomp) ||
        !add(confine, NULL, "--"))
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory to start a runtime");
    return 0;
}

int confine_step(struct confine *confine, const struct identity *identity, const char *folder)
{
    *confine = (struct confine){.identity = *identity};
    return add_identity(confine) && add(confine, "--directory", folder) &&
                   add(confine, "--seccomp", "") && add(confine, NULL, "--reap") &&
                   add(confine, NULL, "--")
               ? 0
               : ENOKI_ENOMEM;
}

char **confine_argv(struct confine *confine, char *const *argv)
{
    size_t count = 0;
    char **made;

    while (argv[count] != NULL)
        count++;
    made = en_arena_get(&confine->arena, confine->count + count + 1, sizeof(*made));
    if (made == NULL)
        return NULL;
    for (size_t i = 0; i < confine->count; i++)
        made[i] = (char *)(uintptr_t)confine->words[i];
    memcpy(made + confine->count, argv, count * sizeof(*made));
    return made;
}

int confine_spawn(struct spawned *out, const struct work *work,
                  const struct enoki_node_settings *node, const struct settings *settings,
                  struct enoki_error *err)
{
    char **argv;
    struct confine confine;
    int rc = confine_runtime(&confine, work, node, settings, err);

    if (rc == 0) {
        argv = settings_argv(settings, &confine.arena);
        argv = argv == NULL ? NULL : confine_argv(&confine, argv);
        rc = argv == NULL ? enoki_error_set(err, ENOKI_ENOMEM, "no memory to start a runtime")
                          : spawn_runtime(out, argv, err);
    }
    confine_fini(&confine);
    return rc;
}

/* Only returns if it fails. */
static void become(struct confine *confine, const char *runtime, char **argv,
                   struct enoki_error *err)
{
    char path[PATH_MAX], program[64];
    char *name = argv[0], **confined;

    (void)snprintf(program, sizeof(program), "enoki-%s", runtime);
    argv[0] = program;
    confined = confine_argv(confine, argv);
    if (confined != NULL && en_beside(path, confined[0]))
        (void)execv(path, confined);
    (void)enoki_error_set(err, ENOKI_EIO, "'%s' cannot be started: %s", path,
                          strerrordesc_np(errno));
    argv[0] = name;
}

int confine_launch(struct en_options *options, int argc, char **argv)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct confine confine = {.count = 0};
    struct settings *settings = NULL;

    (void)argc;
    if (settings_copy(&settings, &options->node, options->function) != 0)
        (void)enoki_error_set(&err, ENOKI_ENOMEM, "out of memory");
    else if (confine_runtime(&confine, NULL, &options->node, settings, &err) == 0)
        become(&confine, options->function->runtime, argv, &err);
    (void)fprintf(stderr, "%s: %s\n", argv[0], err.message);
    confine_fini(&confine);
    settings_free(settings);
    en_options_free(options);
    return EXIT_FAILURE;
}

void confine_fini(struct confine *confine)
{
    en_arena_fini(&confine->arena);
}
