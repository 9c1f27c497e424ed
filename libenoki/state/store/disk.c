#include "state/store/disk.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* A write that failed needed less than this: LMDB writes at most so much at once. */
#define ROOM_BYTES ((uint64_t)4 << 20)

bool en_disk_is_full(const char *folder)
{
    char path[PATH_MAX];
    struct statvfs disk;
    struct rlimit limit;
    struct stat file;
    int len = snprintf(path, sizeof(path), "%s/data.mdb", folder);

    if (statvfs(folder, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < ROOM_BYTES)
        return true;
    if (len < 0 || (size_t)len >= sizeof(path) || stat(path, &file) != 0 ||
        getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return false;
    return (uint64_t)file.st_size + ROOM_BYTES > (uint64_t)limit.rlim_cur;
}
