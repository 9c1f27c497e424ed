#include "package.h"

#include "tree.h"

#include "base/buffer.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#define COPY_BYTES 65536u
#define FREE_BYTES (1u << 20) /* so much may come of any ZIP, however small it is */

/* One part of a name between slashes. */
static bool is_good_part(const char *part, size_t len)
{
    if (len == 0 || len > NAME_MAX || (len == 1 && part[0] == '.') ||
        (len == 2 && part[0] == '.' && part[1] == '.'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f)
            return false;
    }
    return true;
}

/* NULL if the name is good, else what is wrong with it. */
static const char *check_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > 1024 || !en_utf8_is_valid(name, len))
        return "its name is empty, too long or not UTF-8";
    if (name[0] == '/' || strchr(name, '\\') != NULL || strchr(name, ':') != NULL)
        return "its name is no relative path with '/'";
    for (const char *at = name; *at != '\0';) {
        size_t part = strcspn(at, "/");

        if (!is_good_part(at, part))
            return "its name has an empty part, '.', '..' or a control character";
        at += part;
        if (*at == '/')
            at++;
    }
    return NULL;
}

struct unpacking {
    zip_t *zip;
    const char *folder;
    uint64_t left; /* bytes that may still be written */
    struct enoki_error *err;
};

static int refuse(const struct unpacking *self, const char *name, const char *why)
{
    return enoki_error_set(self->err, ENOKI_EINVAL, "the package's entry '%.200s': %s", name, why);
}

/* Folders above the last '/' of the path below the folder. */
static int make_parents(const struct unpacking *self, char *path)
{
    for (char *at = path + strlen(self->folder) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return enoki_error_set(self->err, ENOKI_EIO, "%.200s: %s", path,
                                   strerrordesc_np(errno));
        *at = '/';
    }
    return 0;
}

static int copy_entry(struct unpacking *self, zip_file_t *from, int fd, const char *name)
{
    char bytes[COPY_BYTES];
    zip_int64_t got;

    while ((got = zip_fread(from, bytes, sizeof(bytes))) > 0) {
        /* What really comes counts, not what the entry's head says. */
        if ((uint64_t)got > self->left)
            return enoki_error_set(self->err, ENOKI_ELIMIT,
                                   "the package is too large at '%.200s': allowed are %u MiB, and "
                                   "%u bytes for each byte of the ZIP",
                                   name, PACKAGE_BYTES_MAX >> 20, PACKAGE_RATIO_MAX);
        self->left -= (uint64_t)got;
        for (zip_int64_t at = 0; at < got;) {
            ssize_t n = write(fd, bytes + at, (size_t)(got - at));

            if (n < 0 && errno != EINTR)
                return enoki_error_set(self->err, ENOKI_EIO, "%.200s: %s", name,
                                       strerrordesc_np(errno));
            at += n < 0 ? 0 : n;
        }
    }
    return got < 0 ? refuse(self, name, "it is damaged or encrypted") : 0;
}

static int unpack_file(struct unpacking *self, zip_uint64_t index, const char *name,
                       const char *path, mode_t mode)
{
    zip_file_t *from = zip_fopen_index(self->zip, index, 0);
    int fd, rc;

    if (from == NULL)
        return refuse(self, name, "it cannot be read: it is encrypted or of an unknown method");
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        rc = refuse(self, name,
                    errno == EEXIST ? "the name is there twice" : strerrordesc_np(errno));
    } else {
        rc = copy_entry(self, from, fd, name);
        if (close(fd) != 0 && rc == 0)
            rc = enoki_error_set(self->err, ENOKI_EIO, "%.200s: %s", name, strerrordesc_np(errno));
    }
    (void)zip_fclose(from);
    return rc;
}

static int unpack_entry(struct unpacking *self, zip_uint64_t index)
{
    const char *name = zip_get_name(self->zip, index, 0);
    const char *complaint = name == NULL ? "it has no name" : check_name(name);
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    char path[PATH_MAX];
    mode_t mode;
    int rc;

    if (complaint != NULL)
        return refuse(self, name == NULL ? "" : name, complaint);
    (void)zip_file_get_external_attributes(self->zip, index, 0, &system, &attributes);
    mode = system == ZIP_OPSYS_UNIX ? (mode_t)(attributes >> 16) : 0;
    if ((mode & S_IFMT) != 0 && !S_ISREG(mode) && !S_ISDIR(mode))
        return refuse(self, name, "links and special files are not taken");
    if (snprintf(path, sizeof(path), "%s/%s", self->folder, name) >= (int)sizeof(path))
        return refuse(self, name, "its path is too long");
    rc = make_parents(self, path);
    if (rc != 0 || name[strlen(name) - 1] == '/')
        return rc;
    return unpack_file(self, index, name, path, (mode & 0100) != 0 ? 0700 : 0600);
}

int package_unpack(const void *zip, size_t len, const char *folder, struct enoki_error *err)
{
    zip_error_t error;
    zip_source_t *source;
    struct unpacking self = {.folder = folder, .left = PACKAGE_BYTES_MAX, .err = err};
    zip_int64_t count;
    int rc = 0;

    zip_error_init(&error);
    source = zip_source_buffer_create(zip, len, 0, &error);
    if (source == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the package");
    /* Not ZIP_CHECKCONS: libzip 1.7 refuses what "zip -r -" writes into a pipe (sizes behind the
     * data), which is what people's scripts upload. */
    self.zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (self.zip == NULL) {
        zip_source_free(source);
        rc = enoki_error_set(err, ENOKI_EINVAL, "the package is no ZIP: %s",
                             zip_error_strerror(&error));
        zip_error_fini(&error);
        return rc;
    }
    if (len * PACKAGE_RATIO_MAX + FREE_BYTES < self.left)
        self.left = len * PACKAGE_RATIO_MAX + FREE_BYTES;
    count = zip_get_num_entries(self.zip, 0);
    if (count <= 0 || count > (zip_int64_t)PACKAGE_ENTRIES_MAX)
        rc = enoki_error_set(err, ENOKI_ELIMIT, "the package has %lld entries; allowed: 1 to %u",
                             (long long)count, PACKAGE_ENTRIES_MAX);
    for (zip_int64_t i = 0; i < count && rc == 0; i++)
        rc = unpack_entry(&self, (zip_uint64_t)i);
    zip_discard(self.zip);
    zip_error_fini(&error);
    return rc;
}

void package_remove(const char *folder)
{
    tree_remove(folder);
}

int package_take_subfolder(const char *folder, const char *subfolder, struct enoki_error *err)
{
    char from[PATH_MAX], aside[PATH_MAX], name[1025];
    size_t len = strlen(subfolder);
    struct stat status;

    while (len > 0 && subfolder[len - 1] == '/')
        len--;
    if (len == 0)
        return 0;
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, subfolder);
    if (len >= sizeof(name) || check_name(name) != NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "subfolder_path '%.100s': %s", subfolder,
                               len >= sizeof(name) ? "it is too long" : check_name(name));
    if (snprintf(from, sizeof(from), "%s/%s", folder, name) >= (int)sizeof(from) ||
        snprintf(aside, sizeof(aside), "%s.sub", folder) >= (int)sizeof(aside))
        return enoki_error_set(err, ENOKI_EINVAL, "subfolder_path is too long");
    if (lstat(from, &status) != 0 || !S_ISDIR(status.st_mode))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "subfolder_path '%.100s': the package has no such folder",
                               subfolder);
    if (rename(from, aside) == 0) {
        package_remove(folder);
        if (rename(aside, folder) == 0)
            return 0;
    }
    return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", folder, strerrordesc_np(errno));
}
