#include "store.h"

#include "package.h"
#include "stamp.h"

#include "config/check.h"
#include "config/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Functions' users pass through, each to its code; who has not been told a name finds none. */
#define FOLDER_MODE 0711

static int fail(const char *path, struct enoki_error *err)
{
    return enoki_error_set(err, errno == ENOENT ? ENOKI_ENOTFOUND : ENOKI_EIO, "%.300s: %s", path,
                           strerrordesc_np(errno));
}

/* Formats a path; false: it is too long. */
static bool join(char out[PATH_MAX], const char *a, const char *b, const char *c)
{
    int len = snprintf(out, PATH_MAX, "%s/%s%s%s", a, b, c[0] == '\0' ? "" : "/", c);

    return len > 0 && len < PATH_MAX;
}

static int sync_path(const char *path, struct enoki_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = 0;

    if (fd < 0 || fsync(fd) != 0)
        rc = fail(path, err);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int store_open(const char *root, struct enoki_error *err)
{
    char staging[PATH_MAX];

    if (!join(staging, root, ".staging", ""))
        return enoki_error_set(err, ENOKI_EINVAL, "deploy.path is too long");
    package_remove(staging);
    if ((mkdir(root, FOLDER_MODE) != 0 && errno != EEXIST) || mkdir(staging, FOLDER_MODE) != 0 ||
        chmod(root, FOLDER_MODE) != 0 || chmod(staging, FOLDER_MODE) != 0)
        return fail(root, err);
    return 0;
}

int store_stage(const char *root, char *out, struct enoki_error *err)
{
    if (!join(out, root, ".staging", "XXXXXX"))
        return enoki_error_set(err, ENOKI_EINVAL, "deploy.path is too long");
    return mkdtemp(out) == NULL || chmod(out, FOLDER_MODE) != 0 ? fail(out, err) : 0;
}

static json_object *pairs(const struct enoki_variable *variables, size_t count)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < count; i++) {
        json_object *pair = json_object_new_array();

        json_object_array_add(pair, json_object_new_string(variables[i].name));
        json_object_array_add(pair, json_object_new_string(variables[i].value));
        json_object_array_add(list, pair);
    }
    return list;
}

static json_object *describe(const struct deployment *deployment, const char *entry)
{
    json_object *meta = json_object_new_object();

    json_object_object_add(meta, "env", json_object_new_string(deployment->env));
    json_object_object_add(meta, "entry", json_object_new_string(entry));
    json_object_object_add(
        meta, "runtime",
        json_object_new_string(deployment->runtime == NULL ? "prefork" : deployment->runtime));
    json_object_object_add(meta, "workers_min", json_object_new_int64(deployment->workers_min));
    json_object_object_add(meta, "workers_max", json_object_new_int64(deployment->workers_max));
    json_object_object_add(meta, "instances_min", json_object_new_int64(deployment->instances_min));
    json_object_object_add(meta, "instances_max", json_object_new_int64(deployment->instances_max));
    json_object_object_add(meta, "durable", json_object_new_int64(deployment->is_durable ? 1 : 0));
    json_object_object_add(meta, "timeout_ms", json_object_new_uint64(deployment->timeout_ms));
    json_object_object_add(meta, "created", json_object_new_string(deployment->created));
    json_object_object_add(meta, "variables",
                           pairs(deployment->variables, deployment->variable_count));
    json_object_object_add(meta, "secrets", pairs(deployment->secrets, deployment->secret_count));
    return meta;
}

static int write_meta(const char *folder, const struct deployment *deployment, const char *entry,
                      struct enoki_error *err)
{
    char path[PATH_MAX];
    json_object *meta;
    int rc = 0;

    if (!join(path, folder, "meta.json", ""))
        return enoki_error_set(err, ENOKI_EINVAL, "deploy.path is too long");
    meta = describe(deployment, entry);
    if (json_object_to_file_ext(path, meta, JSON_C_TO_STRING_PRETTY) != 0 || chmod(path, 0600) != 0)
        rc = fail(path, err);
    json_object_put(meta);
    return rc == 0 ? sync_path(path, err) : rc;
}

/* store_drop() took the folder away meanwhile. */
static bool is_made_again(const char *folder, const char *staged, const char *to)
{
    return mkdir(folder, FOLDER_MODE) == 0 && chmod(folder, FOLDER_MODE) == 0 &&
           rename(staged, to) == 0;
}

int store_add(const char *root, const char *staged, const char *entry,
              const struct deployment *deployment, struct enoki_error *err)
{
    char folder[PATH_MAX], to[PATH_MAX];
    int rc = write_meta(staged, deployment, entry, err);

    if (rc != 0)
        return rc;
    if (!join(folder, root, deployment->name, "") ||
        !join(to, root, deployment->name, deployment->version))
        return enoki_error_set(err, ENOKI_EINVAL, "deploy.path is too long");
    if ((mkdir(folder, FOLDER_MODE) != 0 && errno != EEXIST) || chmod(folder, FOLDER_MODE) != 0)
        return fail(folder, err);
    package_remove(to); /* of an upload that failed behind this */
    if (rename(staged, to) != 0 && (errno != ENOENT || !is_made_again(folder, staged, to)))
        return fail(to, err);
    return sync_path(folder, err);
}

int store_version(const char *root, const char *name, const char *which, char *out,
                  struct enoki_error *err)
{
    char path[PATH_MAX];
    ssize_t len;

    if (!join(path, root, name, which))
        return enoki_error_set(err, ENOKI_EINVAL, "deploy.path is too long");
    len = readlink(path, out, 64);
    if (len < 0)
        return fail(path, err);
    out[len] = '\0';
    return 0;
}

static int set_link(const char *root, const char *name, const char *which, const char *version,
                    struct enoki_error *err)
{
    char path[PATH_MAX], fresh[PATH_MAX];

    if (!join(path, root, name, which) || !join(fresh, root, name, ".link"))
        return enoki_error_set(err, ENOKI_EINVAL, "deploy.path is too long");
    (void)unlink(fresh);
    if (symlink(version, fresh) != 0 || rename(fresh, path) != 0)
        return fail(path, err);
    return 0;
}

/* When it was put in its place; false: it is not there. */
static bool placed_at(const char *root, const char *name, const char *version,
                      struct timespec *out)
{
    char path[PATH_MAX];
    struct stat status;

    if (!join(path, root, name, version) || lstat(path, &status) != 0)
        return false;
    *out = status.st_ctim;
    return true;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Versions that neither link names. One that came after the current one stays: the builder has
 * placed it meanwhile, and it is about to be started. */
static void remove_old(const char *root, const char *name, const char *current,
                       const char *previous)
{
    char folder[PATH_MAX];
    struct timespec now, then;
    const struct dirent *entry;
    DIR *entries;

    if (!placed_at(root, name, current, &now) || !join(folder, root, name, "") ||
        (entries = opendir(folder)) == NULL)
        return;
    while ((entry = readdir(entries)) != NULL) {
        if (strlen(entry->d_name) == 64 && strcmp(entry->d_name, current) != 0 &&
            strcmp(entry->d_name, previous) != 0 && placed_at(root, name, entry->d_name, &then) &&
            is_before(&then, &now))
            store_remove(root, name, entry->d_name);
    }
    (void)closedir(entries);
}

int store_switch(const char *root, const char *name, const char *version, struct enoki_error *err)
{
    char before[65] = "", folder[PATH_MAX];
    int rc = 0;

    if (store_version(root, name, "current", before, NULL) != 0)
        before[0] = '\0';
    if (strcmp(before, version) == 0)
        return 0;
    /* Killed between the two, previous is current: a rollback is a no-op then, nothing is lost. */
    if (before[0] != '\0')
        rc = set_link(root, name, "previous", before, err);
    if (rc == 0)
        rc = set_link(root, name, "current", version, err);
    if (rc == 0 && join(folder, root, name, ""))
        rc = sync_path(folder, err);
    if (rc == 0)
        remove_old(root, name, version, before);
    return rc;
}

static const char *text_of(json_object *meta, const char *key)
{
    json_object *value = NULL;

    return json_object_object_get_ex(meta, key, &value) ? json_object_get_string(value) : "";
}

static uint64_t number_of(json_object *meta, const char *key)
{
    json_object *value = NULL;

    return json_object_object_get_ex(meta, key, &value) ? json_object_get_uint64(value) : 0;
}

/* folder: NULL, or where the files are that the values name. */
static int load_variables(json_object *meta, const char *key, const char *folder,
                          const struct enoki_variable **out, size_t *count_out,
                          struct en_arena *arena)
{
    json_object *list = NULL;
    struct enoki_variable *variables;
    size_t count;

    if (!json_object_object_get_ex(meta, key, &list) ||
        !json_object_is_type(list, json_type_array))
        return 0;
    count = json_object_array_length(list);
    variables = en_arena_get(arena, count + 1, sizeof(*variables));
    if (variables == NULL)
        return ENOKI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        json_object *pair = json_object_array_get_idx(list, i);

        if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
            return ENOKI_EPROTO;
        variables[i].name = json_object_get_string(json_object_array_get_idx(pair, 0));
        variables[i].value = json_object_get_string(json_object_array_get_idx(pair, 1));
        if (folder != NULL)
            variables[i].value = en_arena_textf(arena, "%s/%s", folder, variables[i].value);
        if (variables[i].value == NULL)
            return ENOKI_ENOMEM;
    }
    *out = variables;
    *count_out = count;
    return 0;
}

/* The file's own limits, where the upload names none. */
static int make_settings(struct settings **out, json_object *meta, const char *name,
                         const char *version, const char *code,
                         const struct enoki_node_settings *node)
{
    struct en_arena arena = {NULL};
    struct enoki_function_settings function = {
        .name = name,
        .code = code,
        .runtime = text_of(meta, "runtime"),
        .workers_min = (uint32_t)number_of(meta, "workers_min"),
        .workers_max = (uint32_t)number_of(meta, "workers_max"),
        .instances_min = (uint32_t)number_of(meta, "instances_min"),
        .instances_max = (uint32_t)number_of(meta, "instances_max"),
        .async_durable = number_of(meta, "durable") != 0,
        .limits = node->limits,
        .compat_tinyfaas = node->compat_tinyfaas,
    };
    uint64_t timeout = number_of(meta, "timeout_ms");
    int rc = load_variables(meta, "variables", NULL, &function.variables, &function.variable_count,
                            &arena);

    if (rc == 0 && node->deploy_secrets != NULL)
        rc = load_variables(meta, "secrets", node->deploy_secrets, &function.secrets,
                            &function.secret_count, &arena);

    if (timeout != 0)
        function.limits.call_timeout_ms = timeout;
    en_limits_fill(&function.limits);
    if (rc == 0)
        rc = settings_copy(out, node, &function);
    en_arena_fini(&arena);
    if (rc != 0)
        return rc;
    (*out)->env = en_arena_textf(&(*out)->arena, "%s", text_of(meta, "env"));
    (*out)->created = en_arena_textf(&(*out)->arena, "%s", text_of(meta, "created"));
    (*out)->digest = en_arena_textf(&(*out)->arena, "%s", version);
    if ((*out)->env != NULL)
        (*out)->stamp = stamp_of(*out);
    if ((*out)->env != NULL && (*out)->created != NULL && (*out)->digest != NULL)
        return 0;
    settings_free(*out);
    return ENOKI_ENOMEM;
}

int store_load(struct settings **out, const char *root, const char *name, const char *version,
               const struct enoki_node_settings *node, struct enoki_error *err)
{
    char folder[PATH_MAX], path[PATH_MAX], code[PATH_MAX];
    json_object *meta;
    const char *entry;
    int rc;

    if (!join(folder, root, name, version) || !join(path, folder, "meta.json", ""))
        return enoki_error_set(err, ENOKI_EINVAL, "deploy.path is too long");
    meta = json_object_from_file(path);
    if (meta == NULL)
        return enoki_error_set(err, ENOKI_EIO, "%.300s cannot be read: deploy '%s' anew", path,
                               name);
    entry = text_of(meta, "entry");
    if (!join(code, folder, "code", entry))
        rc = ENOKI_EINVAL;
    else
        rc = make_settings(out, meta, name, version, code, node);
    json_object_put(meta);
    if (rc != 0)
        return enoki_error_set(err, rc, "'%s' cannot be loaded: %s", name, enoki_error_text(rc));
    return 0;
}

void store_remove(const char *root, const char *name, const char *version)
{
    char path[PATH_MAX];

    if (join(path, root, name, version == NULL ? "" : version))
        package_remove(path);
}

void store_drop(const char *root, const char *name, const char *version)
{
    char folder[PATH_MAX], previous[65];

    if (store_version(root, name, "previous", previous, NULL) == 0 &&
        strcmp(previous, version) == 0)
        return;
    store_remove(root, name, version);
    if (join(folder, root, name, ""))
        (void)rmdir(folder); /* unless other versions are in it */
}

int store_set_aside(const char *root, const char *name, char *out)
{
    char folder[PATH_MAX];
    int rc = store_stage(root, out, NULL);

    if (rc == 0 && (!join(folder, root, name, "") || rename(folder, out) != 0)) {
        rc = errno == ENOENT ? ENOKI_ENOTFOUND : ENOKI_EIO;
        (void)rmdir(out);
    }
    return rc == 0 ? sync_path(root, NULL) : rc;
}

void store_each(const char *root, void (*fn)(void *context, const char *name), void *context)
{
    DIR *entries = opendir(root);
    const struct dirent *entry;
    char version[65];

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (en_check_function_name(entry->d_name) == NULL &&
            store_version(root, entry->d_name, "current", version, NULL) == 0)
            fn(context, entry->d_name);
    }
    if (entries != NULL)
        (void)closedir(entries);
}
