#include "state/store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the file users that are locked. */
enum lock_byte {
    OPENING = 0, /* exclusive: somebody opens, or closes as the last one */
    USING = 1,   /* shared: somebody has it open */
};

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_BYTES 64u

static int system_error(struct enoki_error *err, const char *path, int number)
{
    int code = number == ENOSPC || number == EDQUOT ? ENOKI_ENOSPACE : ENOKI_EIO;

    return enoki_error_set(err, code, "state folder '%.200s': %s", path, strerror(number));
}

/* Locks of the open file, not of the process: they do not end when another part of the process
 * closes the same file. */
static int lock_byte(int fd, enum lock_byte byte, short type, int command)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
    int rc;

    do
        rc = fcntl(fd, command, &lock);
    while (rc != 0 && errno == EINTR);
    return rc;
}

/* Makes the folder and its parents. 0 or errno. */
static int make_folders(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && access(path, F_OK) != 0) {
            int number = errno;

            *at = '/';
            return number;
        }
        *at = '/';
    }
    return mkdir(path, 0700) != 0 && errno != EEXIST ? errno : 0;
}

static int open_users(struct en_folder *folder, bool must_exist, struct enoki_error *err)
{
    char file[PATH_MAX];
    struct stat stat;
    int len = snprintf(file, sizeof(file), "%s/users", folder->path);

    if (len < 0 || (size_t)len >= sizeof(file))
        return enoki_error_set(err, ENOKI_EINVAL, "the path '%.200s' is too long", folder->path);
    folder->users_fd = open(file, O_RDWR | O_CLOEXEC | (must_exist ? 0 : O_CREAT), 0600);
    if (folder->users_fd < 0 && errno == ENOENT && must_exist)
        return enoki_error_set(err, ENOKI_ENOTFOUND, "there is no keygroup in '%.200s'",
                               folder->path);
    if (folder->users_fd < 0 || fstat(folder->users_fd, &stat) != 0)
        return system_error(err, file, errno);
    folder->device = stat.st_dev;
    folder->inode = stat.st_ino;
    return 0;
}

int en_folder_init(struct en_folder *folder, const char *dir, const char *name, bool must_exist,
                   struct enoki_error *err)
{
    struct en_folder made = {.users_fd = -1};
    size_t size = strlen(dir) + 1 + strlen(name) + 1;
    int rc;

    made.path = malloc(size);
    if (made.path == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the state folder's path");
    (void)snprintf(made.path, size, "%s/%s", dir, name);
    if (!must_exist) {
        rc = make_folders(made.path);
        if (rc != 0) {
            rc = system_error(err, made.path, rc);
            goto out;
        }
    }
    rc = open_users(&made, must_exist, err);
out:
    if (rc == 0)
        *folder = made;
    else
        en_folder_fini(&made);
    return rc;
}

void en_folder_fini(struct en_folder *folder)
{
    if (folder->users_fd >= 0)
        (void)close(folder->users_fd);
    free(folder->path);
    *folder = (struct en_folder){.users_fd = -1};
}

int en_folder_lock(struct en_folder *folder, struct enoki_error *err)
{
    if (lock_byte(folder->users_fd, OPENING, F_WRLCK, F_OFD_SETLKW) != 0)
        return system_error(err, folder->path, errno);
    folder->first = lock_byte(folder->users_fd, USING, F_WRLCK, F_OFD_SETLK) == 0;
    if (!folder->first && errno != EAGAIN && errno != EACCES)
        return system_error(err, folder->path, errno);
    return 0;
}

int en_folder_settle(struct en_folder *folder, struct enoki_error *err)
{
    if (lock_byte(folder->users_fd, USING, F_RDLCK, F_OFD_SETLK) != 0 ||
        lock_byte(folder->users_fd, OPENING, F_UNLCK, F_OFD_SETLK) != 0)
        return system_error(err, folder->path, errno);
    return 0;
}

bool en_folder_is_last(struct en_folder *folder)
{
    return lock_byte(folder->users_fd, OPENING, F_WRLCK, F_OFD_SETLKW) == 0 &&
           lock_byte(folder->users_fd, USING, F_WRLCK, F_OFD_SETLK) == 0;
}

/* Opens a file of the folder; its number, or -1 and errno. */
static int open_file(const struct en_folder *folder, const char *file, int flags)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s", folder->path, file);

    if (len < 0 || (size_t)len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, flags | O_CLOEXEC, 0600);
}

int en_folder_reserve(const struct en_folder *folder, const char *file, size_t bytes,
                      struct enoki_error *err)
{
    int fd = open_file(folder, file, O_RDWR | O_CREAT);
    struct stat stat;
    int number = 0;

    if (fd < 0)
        return system_error(err, folder->path, errno);
    if (fstat(fd, &stat) != 0)
        number = errno;
    else if (stat.st_size < (off_t)bytes || stat.st_blocks * 512 < (blkcnt_t)bytes)
        number = posix_fallocate(fd, 0, (off_t)bytes);
    (void)close(fd);
    return number == 0 ? 0 : system_error(err, folder->path, number);
}

/* --- the boot --------------------------------------------------------------------------------- */

/* Up to the first line break; the length, or -1 and errno. */
static ssize_t read_line(int fd, char line[BOOT_ID_BYTES])
{
    ssize_t len = read(fd, line, BOOT_ID_BYTES - 1);

    if (len < 0)
        return -1;
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return (ssize_t)strlen(line);
}

static int read_boot_id(char id[BOOT_ID_BYTES], struct enoki_error *err)
{
    int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read_line(fd, id);

    if (fd >= 0)
        (void)close(fd);
    if (len <= 0)
        return enoki_error_set(err, ENOKI_EIO,
                               "'" BOOT_ID_FILE "' cannot be read: mount /proc, or use "
                               "durability=sync");
    return 0;
}

int en_folder_boot(const struct en_folder *folder, enum en_folder_boot *out,
                   struct enoki_error *err)
{
    char then[BOOT_ID_BYTES];
    char now[BOOT_ID_BYTES];
    int fd = open_file(folder, "boot", O_RDONLY);
    ssize_t len;
    int rc;

    if (fd < 0 && errno == ENOENT) {
        *out = EN_BOOT_CLEAN;
        return 0;
    }
    len = fd < 0 ? -1 : read_line(fd, then);
    if (len < 0)
        rc = system_error(err, folder->path, errno);
    else
        rc = read_boot_id(now, err);
    if (rc == 0)
        *out = strcmp(then, now) == 0 ? EN_BOOT_CURRENT : EN_BOOT_LOST;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int sync_folder(const struct en_folder *folder)
{
    int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int en_folder_mark_boot(const struct en_folder *folder, struct enoki_error *err)
{
    char id[BOOT_ID_BYTES];
    size_t len;
    int fd;
    int rc = read_boot_id(id, err);

    if (rc != 0)
        return rc;
    /* Half written it says "lost", which costs a verification, no more: no need to rename. */
    len = strlen(id);
    fd = open_file(folder, "boot", O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0 || write(fd, id, len) != (ssize_t)len || fsync(fd) != 0 || sync_folder(folder) != 0)
        rc = system_error(err, folder->path, errno);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

void en_folder_clear_boot(const struct en_folder *folder)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/boot", folder->path);

    /* If it stays, the next boot verifies without need. */
    if (len > 0 && (size_t)len < sizeof(path))
        (void)unlink(path);
}
