#include "work.h"

#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "enoki-work-"

struct work {
    int fd; /* locked as long as this process lives */
    char path[PATH_MAX];
};

static int fail(const char *path, struct enoki_error *err)
{
    return enoki_error_set(err, ENOKI_EIO, "the functions' working directories: %.300s: %s", path,
                           strerrordesc_np(errno));
}

/* Ours, and nobody holds its lock. */
static bool is_left_over(int where, const char *name)
{
    struct stat stat;
    int fd;
    bool is_free;

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return false;
    fd = openat(where, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    is_free = fstat(fd, &stat) == 0 && stat.st_uid == geteuid() &&
              flock(fd, LOCK_EX | LOCK_NB) == 0;
    (void)close(fd);
    return is_free;
}

static void remove_left_over(const char *where)
{
    char path[PATH_MAX];
    DIR *entries = opendir(where);
    const struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (is_left_over(dirfd(entries), entry->d_name) &&
            snprintf(path, sizeof(path), "%s/%s", where, entry->d_name) < (int)sizeof(path))
            tree_remove(path);
    }
    if (entries != NULL)
        (void)closedir(entries);
}

/* Made under a name that nobody takes for left over, before it is locked. */
static int make(struct work *work, const char *where, struct enoki_error *err)
{
    char fresh[PATH_MAX];

    if (snprintf(fresh, sizeof(fresh), "%s/.enoki-XXXXXX", where) >= (int)sizeof(fresh))
        return enoki_error_set(err, ENOKI_EINVAL, "isolation.work is too long");
    if (mkdtemp(fresh) == NULL)
        return fail(fresh, err);
    (void)snprintf(work->path, sizeof(work->path), "%.3000s/" PREFIX "%s", where,
                   fresh + strlen(fresh) - 6);
    work->fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work->fd < 0 || flock(work->fd, LOCK_EX | LOCK_NB) != 0 || chmod(fresh, 0711) != 0 ||
        rename(fresh, work->path) != 0)
        return fail(fresh, err);
    return 0;
}

int work_open(struct work **out, const char *where, struct enoki_error *err)
{
    struct work *work = calloc(1, sizeof(*work));
    const char *temporary = getenv("TMPDIR");
    char *absolute;
    int rc;

    if (work == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the working directories");
    work->fd = -1;
    if (where == NULL)
        where = temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp";
    else if (mkdir(where, 0700) == 0)
        (void)chmod(where, 0711); /* what is wrong with it shows in the next step */
    absolute = realpath(where, NULL);
    if (absolute == NULL) {
        rc = fail(where, err);
    } else {
        remove_left_over(absolute);
        rc = make(work, absolute, err);
    }
    free(absolute);
    if (rc != 0) {
        work_close(work);
        return rc;
    }
    *out = work;
    return 0;
}

void work_close(struct work *work)
{
    if (work == NULL)
        return;
    if (work->path[0] != '\0')
        tree_remove(work->path);
    if (work->fd >= 0)
        (void)close(work->fd);
    free(work);
}

int work_folder(const struct work *work, const char *name, const struct identity *identity,
                char *out, struct enoki_error *err)
{
    if (snprintf(out, PATH_MAX, "%s/%s", work->path, name) >= PATH_MAX)
        return enoki_error_set(err, ENOKI_EINVAL, "isolation.work is too long");
    if (mkdir(out, 0700) != 0 && errno != EEXIST)
        return fail(out, err);
    if (identity->is_other && lchown(out, identity->user, identity->group) != 0)
        return fail(out, err);
    return 0;
}

void work_remove(const struct work *work, const char *name)
{
    char path[PATH_MAX];

    if (work != NULL && snprintf(path, sizeof(path), "%s/%s", work->path, name) < PATH_MAX)
        tree_remove(path);
}
