#include "tls/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64u

int en_tls_check_name(const char *name, bool is_ca, struct enoki_error *err)
{
    size_t len = name == NULL ? 0 : strnlen(name, NAME_MAX_BYTES + 1);
    bool ok = len > 0 && len <= NAME_MAX_BYTES && name[0] != '.';

    for (size_t i = 0; ok && i < len; i++)
        ok = name[i] != '/' && name[i] != '|' && (unsigned char)name[i] >= 0x20 && name[i] != 0x7f;
    if (ok && !is_ca && strcmp(name, "ca") == 0)
        ok = false;
    if (ok)
        return 0;
    return enoki_error_set(err, ENOKI_EINVAL,
                           "'%.100s' is no name for a certificate: 1 to %u bytes without '/' and "
                           "'|', not beginning with '.', not 'ca'",
                           name == NULL ? "" : name, NAME_MAX_BYTES);
}

char *en_tls_path(const char *directory, const char *name, const char *ending)
{
    bool is_ca_key = strcmp(name, "ca") == 0 && strcmp(ending, "key") == 0;
    char *path = NULL;

    return asprintf(&path, "%s/%s%s.%s", directory, is_ca_key ? "ca/" : "", name, ending) < 0
               ? NULL
               : path;
}

static int read_error(const char *path, struct enoki_error *err)
{
    if (errno == ENOENT)
        return enoki_error_set(err, ENOKI_ETLS,
                               "'%.300s' is missing: make it with `enoki certs`, or name the right "
                               "folder",
                               path);
    return enoki_error_set(err, ENOKI_ETLS, "cannot read '%.300s': %s", path, strerror(errno));
}

int en_tls_read(const char *path, char **out, struct enoki_error *err)
{
    FILE *file = fopen(path, "re");
    char *text;
    size_t len;

    if (file == NULL)
        return read_error(path, err);
    text = malloc(EN_TLS_FILE_MAX_BYTES + 1);
    if (text == NULL) {
        (void)fclose(file);
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for '%.300s'", path);
    }
    len = fread(text, 1, EN_TLS_FILE_MAX_BYTES + 1, file);
    if (ferror(file) != 0 || len == 0 || len > EN_TLS_FILE_MAX_BYTES ||
        memchr(text, '\0', len) != NULL) {
        (void)fclose(file);
        free(text);
        return enoki_error_set(err, ENOKI_ETLS, "'%.300s' is no PEM file of at most %u bytes", path,
                               EN_TLS_FILE_MAX_BYTES);
    }
    (void)fclose(file);
    text[len] = '\0';
    *out = text;
    return 0;
}

int en_tls_make_folder(const char *path, struct enoki_error *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return enoki_error_set(err, errno == ENOSPC ? ENOKI_ENOSPACE : ENOKI_EIO,
                           "cannot make the folder '%.300s': %s", path, strerror(errno));
}

static int write_error(const char *path, struct enoki_error *err)
{
    return enoki_error_set(err, errno == ENOSPC || errno == EDQUOT ? ENOKI_ENOSPACE : ENOKI_EIO,
                           "cannot write '%.300s': %s", path, strerror(errno));
}

/* The file's own name is not enough: it must be in the folder after a power cut too. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int fd, rc;

    (void)snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path),
                   slash == NULL ? "." : path);
    fd = open(folder[0] == '\0' ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    rc = fsync(fd);
    (void)close(fd);
    return rc;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, text, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text += written;
        len -= (size_t)written;
    }
    return true;
}

/* Under the file's own name, in the place of one that is there if force: link does not replace. */
static bool name_file(const char *temporary, const char *path, bool force)
{
    if (force)
        return rename(temporary, path) == 0;
    if (link(temporary, path) != 0)
        return false;
    (void)unlink(temporary);
    return true;
}

/* A whole file under a name of its own. */
static bool write_temporary(char *temporary, const char *text, size_t len, bool is_secret)
{
    int fd = mkostemp(temporary, O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return false;
    ok = fchmod(fd, is_secret ? 0600 : 0644) == 0 && write_all(fd, text, len) && fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

int en_tls_write(const char *path, const char *text, size_t len, bool is_secret, bool force,
                 struct enoki_error *err)
{
    char *temporary = NULL;
    int rc = 0;

    if (!force && access(path, F_OK) == 0)
        return enoki_error_set(err, ENOKI_ETLS,
                               "'%.300s' is there already: use --force to replace it", path);
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    if (!write_temporary(temporary, text, len, is_secret) || !name_file(temporary, path, force) ||
        sync_folder(path) != 0) {
        rc = write_error(path, err);
        (void)unlink(temporary);
    }
    free(temporary);
    return rc;
}

bool en_tls_is_open_to_others(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && (about.st_mode & 077) != 0;
}

static void mix(uint64_t *stamp, const char *path)
{
    struct stat about;
    uint64_t parts[4] = {0};

    if (path != NULL && stat(path, &about) == 0) {
        parts[0] = (uint64_t)about.st_ino;
        parts[1] = (uint64_t)about.st_size;
        parts[2] = (uint64_t)about.st_mtim.tv_sec;
        parts[3] = (uint64_t)about.st_mtim.tv_nsec;
    }
    for (size_t i = 0; i < 4; i++)
        *stamp = (*stamp ^ parts[i]) * 1099511628211u;
}

uint64_t en_tls_stamp_files(const char *const *paths, size_t count)
{
    uint64_t stamp = 14695981039346656037u;

    for (size_t i = 0; i < count; i++)
        mix(&stamp, paths[i]);
    return stamp;
}

uint64_t en_tls_stamp(const char *directory, const char *name)
{
    char *paths[3] = {en_tls_path(directory, "ca", "crt"), en_tls_path(directory, name, "crt"),
                      en_tls_path(directory, name, "key")};
    uint64_t stamp = en_tls_stamp_files((const char *const *)paths, 3);

    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
    return stamp;
}
