#include "cache.h"

#include "copy.h"
#include "package.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER ".cache"

static bool name_entry(char out[PATH_MAX], const char *root, const char *key)
{
    int len = snprintf(out, PATH_MAX, "%s/" FOLDER "/%s", root, key);

    return len > 0 && len < PATH_MAX;
}

static int fail(const char *path, struct enoki_error *err)
{
    return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", path, strerrordesc_np(errno));
}

int cache_take(const char *root, const char *key, const char *to, struct enoki_error *err)
{
    char entry[PATH_MAX];
    int rc;

    if (!name_entry(entry, root, key) || access(entry, F_OK) != 0)
        return enoki_error_set(err, ENOKI_ENOTFOUND, "nothing is kept of that");
    rc = copy_tree(entry, to, err);
    if (rc != 0)
        package_remove(to);
    else
        (void)utimensat(AT_FDCWD, entry, NULL, 0); /* it was used */
    return rc;
}

/* Removes the entry that was not used for longest, if there are too many. True: look again. */
static bool prune(const char *root)
{
    char folder[PATH_MAX], path[PATH_MAX], oldest[PATH_MAX] = "";
    const struct dirent *entry;
    struct stat status;
    time_t since = 0;
    unsigned count = 0;
    DIR *entries;

    if (!name_entry(folder, root, "") || (entries = opendir(folder)) == NULL)
        return false;
    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] == '.' || !name_entry(path, root, entry->d_name) ||
            stat(path, &status) != 0)
            continue;
        if (count++ == 0 || status.st_mtime < since) {
            since = status.st_mtime;
            memcpy(oldest, path, sizeof(oldest));
        }
    }
    (void)closedir(entries);
    if (count <= CACHE_ENTRIES_MAX)
        return false;
    package_remove(oldest);
    return access(oldest, F_OK) != 0;
}

/* All of the file system that the folder is on; a package is many small files. */
static int sync_all(const char *folder, struct enoki_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && syncfs(fd) == 0 ? 0 : fail(folder, err);

    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int cache_keep(const char *root, const char *key, const char *from, struct enoki_error *err)
{
    char folder[PATH_MAX], staged[PATH_MAX], made[PATH_MAX], entry[PATH_MAX];
    int rc = store_stage(root, staged, err);

    if (rc != 0)
        return rc;
    if (!name_entry(folder, root, "") || !name_entry(entry, root, key) ||
        snprintf(made, sizeof(made), "%s/made", staged) >= (int)sizeof(made))
        rc = enoki_error_set(err, ENOKI_ELIMIT, "deploy.path is too long");
    else if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        rc = fail(folder, err);
    if (rc == 0)
        rc = copy_tree(from, made, err);
    /* What has the entry's name after a power loss must be whole. */
    if (rc == 0)
        rc = sync_all(made, err);
    if (rc == 0 && rename(made, entry) != 0 && errno != EEXIST && errno != ENOTEMPTY)
        rc = fail(entry, err);
    package_remove(staged);
    while (rc == 0 && prune(root))
        ;
    return rc;
}
