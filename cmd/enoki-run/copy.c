#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* nftw() calls back without a context. */
static struct {
    const char *to;
    size_t from_len;
} copying;

static bool copy_file(const char *from, const char *to, const struct stat *status)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, status->st_mode & 0777);
    ssize_t got = 1;

    while (in >= 0 && out >= 0 && got > 0)
        got = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
    if (in >= 0)
        (void)close(in);
    if (out >= 0 && close(out) != 0)
        got = -1;
    return in >= 0 && out >= 0 && got == 0;
}

static bool copy_link(const char *from, const char *to)
{
    char target[PATH_MAX];
    ssize_t len = readlink(from, target, sizeof(target));

    if (len < 0 || len == (ssize_t)sizeof(target))
        return false;
    target[len] = '\0';
    return symlink(target, to) == 0;
}

static int copy_one(const char *from, const struct stat *status, int type, struct FTW *at)
{
    char to[PATH_MAX];
    int len = snprintf(to, sizeof(to), "%s%s", copying.to, from + copying.from_len);

    (void)at;
    if (len < 0 || len >= (int)sizeof(to)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    switch (type) {
    case FTW_D:
        return mkdir(to, (status->st_mode & 0777) | 0700);
    case FTW_F:
        errno = EINVAL;
        return S_ISREG(status->st_mode) && copy_file(from, to, status) ? 0 : -1;
    case FTW_SL:
        return copy_link(from, to) ? 0 : -1;
    default:
        errno = EACCES;
        return -1;
    }
}

int copy_tree(const char *from, const char *to, struct enoki_error *err)
{
    copying.to = to;
    copying.from_len = strlen(from);
    if (nftw(from, copy_one, 16, FTW_PHYS) == 0)
        return 0;
    return enoki_error_set(err, ENOKI_EIO, "'%.200s' cannot be copied: %s", from,
                           strerrordesc_np(errno));
}
