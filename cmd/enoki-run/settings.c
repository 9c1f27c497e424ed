#include "settings.h"

#include "paths.h"

#include "config/limits.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64u
/* Of a runtime, and of each of its workers. */
#define PROCESSES_EACH 32u
#define PROCESSES_PER_WORKER 16u
#define PROCESSES_MAX 1000000u
#define INSTANCE_IDLE_MS 60000u

static const char *copy(struct en_arena *arena, const char *text, bool *failed)
{
    const char *made = text == NULL ? NULL : en_arena_textf(arena, "%s", text);

    if (text != NULL && made == NULL)
        *failed = true;
    return made;
}

static const struct enoki_variable *copy_variables(struct en_arena *arena,
                                                   const struct enoki_variable *from, size_t count,
                                                   bool *failed)
{
    struct enoki_variable *variables = en_arena_get(arena, count + 1, sizeof(*variables));

    if (variables == NULL) {
        *failed = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        variables[i].name = copy(arena, from[i].name, failed);
        variables[i].value = copy(arena, from[i].value, failed);
    }
    return variables;
}

int settings_copy(struct settings **out, const struct enoki_node_settings *node,
                  const struct enoki_function_settings *function)
{
    struct settings *settings = calloc(1, sizeof(*settings));
    bool failed = false;

    if (settings == NULL)
        return ENOKI_ENOMEM;
    settings->function = *function;
    settings->function.name = copy(&settings->arena, function->name, &failed);
    settings->function.code =
        path_absolute(&settings->arena, copy(&settings->arena, function->code, &failed));
    settings->function.runtime = copy(&settings->arena, function->runtime, &failed);
    settings->function.keygroup = copy(&settings->arena, function->keygroup, &failed);
    settings->function.user = copy(&settings->arena, function->user, &failed);
    settings->function.group = copy(&settings->arena, function->group, &failed);
    settings->function.seccomp = copy(&settings->arena, function->seccomp, &failed);
    settings->function.state = NULL;
    if (settings->function.workers_max == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        settings->function.workers_max = strcmp(function->runtime, "thread") == 0 ? 64
                                         : cores < 1                              ? 1
                                                                                  : (uint32_t)cores;
        settings->function.workers_min = settings->function.workers_max;
    }
    settings->function.variables =
        copy_variables(&settings->arena, function->variables, function->variable_count, &failed);
    settings->function.secrets =
        copy_variables(&settings->arena, function->secrets, function->secret_count, &failed);
    if (settings->function.instances_max == 0)
        settings->function.instances_min = settings->function.instances_max = 1;
    if (settings->function.instances_idle_ms == 0)
        settings->function.instances_idle_ms = INSTANCE_IDLE_MS;
    settings->remotes =
        copy_variables(&settings->arena, node->remotes, node->remote_count, &failed);
    settings->remote_count = node->remote_count;
    if (node->remotes_ca != NULL)
        settings->remotes_ca =
            path_absolute(&settings->arena, copy(&settings->arena, node->remotes_ca, &failed));
    settings->node = copy(&settings->arena, node->node, &failed);
    settings->state = path_absolute_uri(
        &settings->arena,
        copy(&settings->arena, function->state != NULL ? function->state : node->state, &failed));
    settings->log_json = node->log_json != 0;
    settings->log_level = node->log_level;
    if (failed || settings->function.code == NULL || settings->state == NULL) {
        settings_free(settings);
        return ENOKI_ENOMEM;
    }
    *out = settings;
    return 0;
}

void settings_free(struct settings *settings)
{
    if (settings == NULL)
        return;
    en_arena_fini(&settings->arena);
    free(settings);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_variables(const struct enoki_variable *a, size_t a_count,
                           const struct enoki_variable *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (!same(a[i].name, b[i].name) || !same(a[i].value, b[i].value))
            return false;
    }
    return true;
}

static bool same_scale(const struct enoki_function_settings *a,
                       const struct enoki_function_settings *b)
{
    return a->workers_min == b->workers_min && a->workers_max == b->workers_max &&
           a->instances_min == b->instances_min && a->instances_max == b->instances_max &&
           a->instances_idle_ms == b->instances_idle_ms && a->concurrency == b->concurrency &&
           a->async_durable == b->async_durable;
}

static bool same_confinement(const struct enoki_function_settings *x,
                             const struct enoki_function_settings *y)
{
    return same(x->user, y->user) && same(x->group, y->group) && same(x->seccomp, y->seccomp) &&
           memcmp(&x->limits, &y->limits, sizeof(x->limits)) == 0;
}

static bool same_content(const struct settings *a, const struct settings *b)
{
    return same(a->digest, b->digest) && a->stamp == b->stamp;
}

bool settings_equal(const struct settings *a, const struct settings *b)
{
    const struct enoki_function_settings *x = &a->function, *y = &b->function;

    return same(x->code, y->code) && same(x->runtime, y->runtime) &&
           same(x->keygroup, y->keygroup) && same_scale(x, y) && same_confinement(x, y) &&
           x->compat_tinyfaas == y->compat_tinyfaas &&
           same_variables(x->variables, x->variable_count, y->variables, y->variable_count) &&
           same_variables(x->secrets, x->secret_count, y->secrets, y->secret_count) &&
           same_variables(a->remotes, a->remote_count, b->remotes, b->remote_count) &&
           same(a->remotes_ca, b->remotes_ca) &&
           same(a->node, b->node) && same(a->state, b->state) && same_content(a, b) &&
           a->log_json == b->log_json && a->log_level == b->log_level;
}

/* "embedded:DIR?...&node=NAME"; FReD knows its own. */
static const char *state_uri(const struct settings *settings, struct en_arena *arena)
{
    const char *uri = settings->state;

    if (strncmp(uri, "embedded:", strlen("embedded:")) != 0 || strstr(uri, "node=") != NULL)
        return uri;
    return en_arena_textf(arena, "%s%snode=%s", uri,
                          strchr(uri, '?') == NULL ? "?" : "&", settings->node);
}

struct list {
    struct en_arena *arena;
    char **argv;
    size_t count, room;
    bool failed;
};

static void add(struct list *list, const char *option, const char *value)
{
    if (value == NULL || list->count + 3 > list->room) {
        list->failed = true;
        return;
    }
    if (option != NULL)
        list->argv[list->count++] = (char *)(uintptr_t)option;
    list->argv[list->count++] = (char *)(uintptr_t)value;
}

/* The limit of processes is one of the user's, whom all instances share. */
static void add_limits(struct list *list, const struct enoki_function_settings *function)
{
    struct enoki_limits own = function->limits;
    const struct enoki_limits *limits = &own;
    static const char *const units[] = {
        [EN_UNIT_COUNT] = "", [EN_UNIT_SIZE] = "", [EN_UNIT_DURATION] = "ms"};
    const struct en_limit *limit;

    if (function->instances_max > 1)
        own.max_processes +=
            (uint64_t)function->instances_max * 2 *
            ((uint64_t)function->workers_max * PROCESSES_PER_WORKER + PROCESSES_EACH);
    if (own.max_processes > PROCESSES_MAX)
        own.max_processes = PROCESSES_MAX;
    for (size_t i = 0; (limit = en_limit_at(i)) != NULL; i++) {
        uint64_t value = en_limit_get(limit, limits);

        if (value != en_limit_default(limit))
            add(list, en_arena_textf(list->arena, "--%s", limit->option),
                en_arena_textf(list->arena, "%llu%s", (unsigned long long)value,
                               units[limit->unit]));
    }
}

char **settings_argv(const struct settings *settings, struct en_arena *arena)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const struct enoki_function_settings *function = &settings->function;
    struct list list = {.arena = arena,
                        .room = ARGUMENTS_MAX + 2 * settings->remote_count};

    list.argv = en_arena_get(list.arena, list.room, sizeof(*list.argv));
    if (list.argv == NULL)
        return NULL;
    add(&list, NULL, en_arena_textf(list.arena, "enoki-%s", function->runtime));
    add(&list, "-n", function->name);
    add(&list, "-s", state_uri(settings, arena));
    if (function->keygroup != NULL)
        add(&list, "--keygroup", function->keygroup);
    if (function->workers_max != 0)
        add(&list, "-w",
            en_arena_textf(list.arena, "%u-%u", function->workers_min, function->workers_max));
    add(&list, "--log-format", settings->log_json ? "json" : "text");
    add(&list, "--log-level", levels[settings->log_level & 3]);
    add_limits(&list, function);
    for (size_t i = 0; i < settings->remote_count; i++)
        add(&list, "--remote",
            en_arena_textf(list.arena, "%s=%s", settings->remotes[i].name,
                           settings->remotes[i].value));
    if (settings->remotes_ca != NULL)
        add(&list, "--remote-ca", settings->remotes_ca);
    add(&list, "--", function->code);
    return list.failed ? NULL : list.argv;
}
