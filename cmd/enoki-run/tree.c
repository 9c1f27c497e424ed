#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each level holds a descriptor. Deeper ones are nobody's package. */
#define DEPTH_MAX 128

#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

struct walk {
    /* Called for a folder after all in it: fd is it itself, else -1. 0, or -1 and errno. */
    int (*visit)(const struct walk *walk, int parent, const char *name, int fd);
    bool goes_on; /* after a failure */
    uid_t user;
    gid_t group;
    bool group_reads;
};

/* A folder that is being read, and the ones that lead to it. */
struct level {
    DIR *entries;
    char name[NAME_MAX + 1]; /* but of the first, whose path may be longer */
};

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool enter(struct level *levels, int depth, int parent, const char *name)
{
    int fd = depth == DEPTH_MAX ? -1 : openat(parent, name, OPEN_FLAGS | O_DIRECTORY);

    if (fd < 0)
        return false;
    levels[depth].entries = fdopendir(fd);
    if (levels[depth].entries == NULL) {
        (void)close(fd);
        return false;
    }
    (void)strncpy(levels[depth].name, name, sizeof(levels[depth].name) - 1);
    levels[depth].name[sizeof(levels[depth].name) - 1] = '\0';
    return true;
}

static int leave(const struct walk *walk, const struct level *level, int parent, const char *name)
{
    int rc = walk->visit(walk, parent, name, dirfd(level->entries));
    int number = errno;

    (void)closedir(level->entries);
    errno = number;
    return rc;
}

static int walk_folder(const struct walk *walk, int parent, const char *name)
{
    struct level levels[DEPTH_MAX];
    const struct dirent *entry;
    int depth = 0, rc = 0;

    memset(levels, 0, sizeof(levels));
    if (!enter(levels, 0, parent, name))
        return walk->visit(walk, parent, name, -1);
    while (depth >= 0) {
        int here = dirfd(levels[depth].entries);

        entry = rc == 0 || walk->goes_on ? readdir(levels[depth].entries) : NULL;
        if (entry == NULL) {
            const struct level *level = &levels[depth];
            int left = depth == 0 ? leave(walk, level, parent, name)
                                  : leave(walk, level, dirfd(level[-1].entries), level->name);

            depth--;
            rc = left != 0 ? -1 : rc;
        } else if (!is_dots(entry->d_name)) {
            if (enter(levels, depth + 1, here, entry->d_name))
                depth++;
            else
                rc = walk->visit(walk, here, entry->d_name, -1) != 0 ? -1 : rc;
        }
    }
    return rc;
}

static int own(const struct walk *walk, int parent, const char *name, int fd)
{
    int file = fd >= 0 ? fd : openat(parent, name, OPEN_FLAGS);
    struct stat stat;
    mode_t mode;
    int rc = 0;

    /* A link, or a socket. */
    if (file < 0)
        return fchownat(parent, name, walk->user, walk->group, AT_SYMLINK_NOFOLLOW);
    if (fstat(file, &stat) == 0 && (S_ISDIR(stat.st_mode) || stat.st_nlink == 1)) {
        mode = stat.st_mode & S_IRWXU;
        if (walk->group_reads)
            mode |= (mode & (S_IRUSR | S_IXUSR)) >> 3;
        rc = fchown(file, walk->user, walk->group) != 0 || fchmod(file, mode) != 0 ? -1 : 0;
    }
    if (fd < 0)
        (void)close(file);
    return rc;
}

int tree_own(const char *folder, uid_t user, gid_t group, int group_reads, struct enoki_error *err)
{
    const struct walk walk = {
        .visit = own, .user = user, .group = group, .group_reads = group_reads != 0};

    if (walk_folder(&walk, AT_FDCWD, folder) != 0)
        return enoki_error_set(err, ENOKI_EIO, "%.300s: its owner cannot be changed: %s", folder,
                               strerrordesc_np(errno));
    return 0;
}

static int remove_one(const struct walk *walk, int parent, const char *name, int fd)
{
    (void)walk;
    return unlinkat(parent, name, fd >= 0 ? AT_REMOVEDIR : 0);
}

void tree_remove(const char *folder)
{
    const struct walk walk = {.visit = remove_one, .goes_on = true};

    (void)walk_folder(&walk, AT_FDCWD, folder);
}
