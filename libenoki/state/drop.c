#include "state/drop.h"

#include "state/store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int remove_file(DIR *entries, const char *name)
{
    return unlinkat(dirfd(entries), name, 0) != 0 && errno != ENOENT ? errno : 0;
}

static bool is_special(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The files of a flat folder, the one named last at the end, and the folder. 0 or errno. */
static int remove_folder(const char *path, const char *last)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int number = 0;

    if (entries == NULL) {
        number = errno;
        if (fd >= 0)
            (void)close(fd);
        return number;
    }
    while (number == 0 && (entry = readdir(entries)) != NULL) {
        if (!is_special(entry->d_name) && strcmp(entry->d_name, last) != 0)
            number = remove_file(entries, entry->d_name);
    }
    if (number == 0)
        number = remove_file(entries, last);
    (void)closedir(entries);
    return number == 0 && rmdir(path) != 0 ? errno : number;
}

int en_drop_store(const char *dir, const char *keygroup, struct enoki_error *err)
{
    struct en_folder folder;
    int rc = en_folder_init(&folder, dir, keygroup, true, err);
    int number;

    if (rc != 0)
        return rc;
    rc = en_folder_lock(&folder, err);
    if (rc == 0 && !folder.first)
        rc = enoki_error_set(err, ENOKI_ECLOSED,
                             "'%.200s' is in use by another process: stop it first", folder.path);
    /* The file that is locked goes last: who opens meanwhile finds a whole folder, or none. */
    number = rc == 0 ? remove_folder(folder.path, "users") : 0;
    if (number != 0)
        rc = enoki_error_set(err, ENOKI_EIO, "'%.200s' cannot be removed: %s", folder.path,
                             strerror(number));
    en_folder_fini(&folder);
    return rc;
}

void en_drop_session(const char *dir, const char *keygroup)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s.session", dir, keygroup);

    if (len > 0 && len < PATH_MAX)
        (void)remove_folder(path, "lock");
}
