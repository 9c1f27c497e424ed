#include "identity.h"

#include "tree.h"

#include "base/checked.h"
#include "state/uri.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_BYTES 16384u
/* Of folders that others pass through. */
#define WAY_MODE 0711

/* Which numbers are taken is read from folders: one at a time. */
static pthread_mutex_t choosing = PTHREAD_MUTEX_INITIALIZER;

static int fail(const char *path, struct enoki_error *err)
{
    return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", path, strerrordesc_np(errno));
}

/* --- named users --------------------------------------------------------------------------------
 */

static bool is_number(const char *text, uint32_t *out)
{
    uint64_t number;

    if (!en_parse_u64(text, strlen(text), UINT32_MAX - 1, &number))
        return false;
    *out = (uint32_t)number;
    return true;
}

static int find_user(struct identity *out, const char *name, struct enoki_error *err)
{
    char bytes[ENTRY_BYTES];
    struct passwd entry, *found = NULL;
    uint32_t number;

    if (is_number(name, &number)) {
        (void)getpwuid_r(number, &entry, bytes, sizeof(bytes), &found);
        out->user = number;
        out->group = found != NULL ? found->pw_gid : number;
        return 0;
    }
    (void)getpwnam_r(name, &entry, bytes, sizeof(bytes), &found);
    if (found == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "user '%s' is not known on this machine", name);
    out->user = found->pw_uid;
    out->group = found->pw_gid;
    return 0;
}

static int find_group(struct identity *out, const char *name, struct enoki_error *err)
{
    char bytes[ENTRY_BYTES];
    struct group entry, *found = NULL;
    uint32_t number;

    if (is_number(name, &number)) {
        out->group = number;
        return 0;
    }
    (void)getgrnam_r(name, &entry, bytes, sizeof(bytes), &found);
    if (found == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "group '%s' is not known on this machine", name);
    out->group = found->gr_gid;
    return 0;
}

/* --- numbers ------------------------------------------------------------------------------------
 */

static bool is_in_range(const struct enoki_node_settings *node, uid_t user)
{
    return user >= node->isolation_first_user &&
           user - node->isolation_first_user < node->isolation_user_count;
}

static bool is_taken(DIR *folders, uid_t user)
{
    const struct dirent *entry;
    struct stat stat;

    rewinddir(folders);
    while ((entry = readdir(folders)) != NULL) {
        if (strcmp(entry->d_name, "..") != 0 &&
            fstatat(dirfd(folders), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
            stat.st_uid == user)
            return true;
    }
    return false;
}

/* FNV-1a: the same keygroup tends to have the same number on every node. */
static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261u;

    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * 16777619u;
    return value;
}

static int choose_number(struct identity *out, const struct enoki_node_settings *node,
                         const char *folder, const char *keygroup, struct enoki_error *err)
{
    uint32_t start = hash(keygroup) % node->isolation_user_count;
    DIR *folders = opendir(folder);

    if (folders == NULL)
        return fail(folder, err);
    for (uint32_t i = 0; i < node->isolation_user_count; i++) {
        out->user = node->isolation_first_user +
                    (uint32_t)(((uint64_t)start + i) % node->isolation_user_count);
        if (is_taken(folders, out->user))
            continue;
        (void)closedir(folders);
        out->group = out->user;
        return 0;
    }
    (void)closedir(folders);
    return enoki_error_set(err, ENOKI_ELIMIT,
                           "all %u users of functions are taken: set isolation.user_count higher, "
                           "or remove folders in '%.200s'",
                           node->isolation_user_count, folder);
}

/* --- folders ------------------------------------------------------------------------------------
 */

int identity_give(const struct identity *identity, const char *folder, struct enoki_error *err)
{
    return identity->is_other ? tree_own(folder, identity->user, identity->group, 0, err) : 0;
}

int identity_take(const struct identity *identity, const char *folder, struct enoki_error *err)
{
    return identity->is_other ? tree_own(folder, geteuid(), identity->group, 1, err) : 0;
}

/* Makes the folders of a path; others may pass through what we own. */
static int open_way(const char *path, struct enoki_error *err)
{
    char part[PATH_MAX];
    struct stat stat_of;

    for (const char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        int len = at == NULL ? (int)strlen(path) : (int)(at - path);

        if (snprintf(part, sizeof(part), "%.*s", len, path) >= (int)sizeof(part))
            return enoki_error_set(err, ENOKI_EINVAL, "the path '%.200s' is too long", path);
        /* Whatever the umask is. */
        if (mkdir(part, WAY_MODE) != 0 ? errno != EEXIST : chmod(part, WAY_MODE) != 0)
            return fail(part, err);
        if (at == NULL)
            break;
    }
    /* Earlier versions, and functions that ran as this user, made it 0700. */
    if (stat(path, &stat_of) != 0)
        return fail(path, err);
    if (stat_of.st_uid == geteuid() && (stat_of.st_mode & S_IXOTH) == 0 &&
        chmod(path, (stat_of.st_mode & 07777) | S_IXGRP | S_IXOTH) != 0)
        return fail(path, err);
    return 0;
}

/* The keygroup's folder becomes the user's, with what is in it. */
static int own_folder(const struct identity *identity, const char *folder, struct enoki_error *err)
{
    struct stat stat_of;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fail(folder, err);
    if (lstat(folder, &stat_of) != 0)
        return fail(folder, err);
    if (stat_of.st_uid == identity->user && stat_of.st_gid == identity->group)
        return 0;
    return identity_give(identity, folder, err);
}

static int own_state(struct identity *out, const struct enoki_node_settings *node, const char *root,
                     const char *keygroup, struct enoki_error *err)
{
    const char *folder = out->folder;
    struct stat stat_of;
    int rc = open_way(root, err);

    if (rc != 0)
        return rc;
    if (snprintf(out->folder, sizeof(out->folder), "%s/%s", root, keygroup) >=
        (int)sizeof(out->folder))
        return enoki_error_set(err, ENOKI_EINVAL, "the path '%.200s' is too long", root);
    if (out->user == 0 && lstat(folder, &stat_of) == 0 && is_in_range(node, stat_of.st_uid)) {
        out->user = stat_of.st_uid;
        out->group = stat_of.st_uid;
    }
    if (out->user == 0)
        rc = choose_number(out, node, root, keygroup, err);
    return rc == 0 ? own_folder(out, folder, err) : rc;
}

/* Where keygroups have their folders, and how they are called. */
static const char *root_of(const struct en_uri *uri, const char **ending_out)
{
    bool is_embedded = strcmp(uri->scheme, "embedded") == 0;

    *ending_out = is_embedded ? "" : ".session";
    return is_embedded ? uri->where : uri->session;
}

void identity_forget(const char *state, const char *keygroup)
{
    char folder[PATH_MAX];
    const char *root, *ending;
    struct en_uri uri;

    if (en_uri_parse(&uri, state, NULL) != 0)
        return;
    root = root_of(&uri, &ending);
    (void)pthread_mutex_lock(&choosing);
    if (snprintf(folder, sizeof(folder), "%s/%s%s", root, keygroup, ending) < (int)sizeof(folder))
        (void)rmdir(folder); /* unless something is in it */
    (void)pthread_mutex_unlock(&choosing);
    en_uri_fini(&uri);
}

static int find_own(struct identity *out, const struct enoki_node_settings *node,
                    const struct settings *settings, struct enoki_error *err)
{
    const struct enoki_function_settings *function = &settings->function;
    char keygroup[ENOKI_NAME_MAX + 32];
    const char *root, *ending;
    struct en_uri uri;
    int rc = en_uri_parse(&uri, settings->state, err);

    if (rc != 0)
        return rc;
    root = root_of(&uri, &ending);
    /* As the stores name it. */
    (void)snprintf(keygroup, sizeof(keygroup), "%s%.255s%s",
                   function->keygroup != NULL ? "" : "tinyFaaS",
                   function->keygroup != NULL ? function->keygroup : function->name,
                   ending);
    (void)pthread_mutex_lock(&choosing);
    rc = own_state(out, node, root, keygroup, err);
    (void)pthread_mutex_unlock(&choosing);
    en_uri_fini(&uri);
    return rc;
}

int identity_find(struct identity *out, const struct enoki_node_settings *node,
                  const struct settings *settings, struct enoki_error *err)
{
    const struct enoki_function_settings *function = &settings->function;
    bool is_named = function->user != NULL || function->group != NULL;
    int rc = 0;

    *out = (struct identity){.is_other = false};
    if (geteuid() != 0)
        return is_named ? enoki_error_set(err, ENOKI_EINVAL,
                                          "function '%s' has 'user' or 'group': only root can run "
                                          "functions as somebody else",
                                          function->name)
                        : 0;
    if (node->isolation_shared != 0 && !is_named)
        return 0;
    if (function->user != NULL)
        rc = find_user(out, function->user, err);
    if (rc == 0 && function->user != NULL && out->user == 0)
        return 0; /* who this process is */
    out->is_other = true;
    if (rc == 0)
        rc = find_own(out, node, settings, err);
    if (rc == 0 && function->group != NULL)
        rc = find_group(out, function->group, err);
    return rc;
}
