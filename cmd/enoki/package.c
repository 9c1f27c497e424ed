#include "package.h"

#include "ignore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#define DEPTH_MAX 32u
/* 1 January 1980, the first day that a ZIP knows: the same content makes the same package. */
#define FIRST_DAY 0x21u

/* By what is at a package's top; the first that is there counts. */
static const struct {
    const char *file, *env;
} kinds[] = {
    {"fn.py", "python3"},
    {"package.json", "nodejs"},
    {"fn.host", "host"},
    {"fn.sh", "binary"},
    {"CMakeLists.txt", "c"},
    {"fn.c", "c"},
    {"*.c", "c"},
    {"*.so", "so"},
};

/* A file alone: what a package calls it. */
static const struct {
    const char *suffix, *entry;
    mode_t mode;
} singles[] = {
    {".c", "fn.c", 0644},
    {".so", "fn.so", 0755},
    {".py", "fn.py", 0644},
    {".sh", "fn.sh", 0755},
};

struct packing {
    zip_t *zip;
    const char *folder;
    struct ignore ignore;
    uint64_t bytes;
    unsigned count;
    struct enoki_error *err;
};

static int add_file(struct packing *self, const char *path, const char *entry, mode_t mode,
                    uint64_t size)
{
    zip_source_t *source;
    zip_int64_t index;

    self->bytes += size;
    if (++self->count > PACKAGE_ENTRIES_MAX || self->bytes > PACKAGE_BYTES_MAX)
        return enoki_error_set(self->err, ENOKI_ELIMIT,
                               "too much for a package at '%.200s': allowed are %u files and %u "
                               "MiB; .enokiignore leaves things out",
                               entry, PACKAGE_ENTRIES_MAX, PACKAGE_BYTES_MAX >> 20);
    source = zip_source_file(self->zip, path, 0, -1);
    if (source == NULL)
        return enoki_error_set(self->err, ENOKI_EIO, "%.300s: %s", path,
                               zip_error_strerror(zip_get_error(self->zip)));
    index = zip_file_add(self->zip, entry, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return enoki_error_set(self->err, ENOKI_EIO, "%.300s: %s", entry,
                               zip_error_strerror(zip_get_error(self->zip)));
    }
    if (zip_file_set_dostime(self->zip, (zip_uint64_t)index, 0, FIRST_DAY, 0) != 0 ||
        zip_file_set_external_attributes(self->zip, (zip_uint64_t)index, 0, ZIP_OPSYS_UNIX,
                                         (zip_uint32_t)(S_IFREG | mode) << 16) != 0)
        return enoki_error_set(self->err, ENOKI_ENOMEM, "no memory for the package");
    return 0;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int add_folder(struct packing *self, const char *below, unsigned depth);

static int add_entry(struct packing *self, const char *below, const char *name, unsigned depth)
{
    char path[PATH_MAX], entry[PATH_MAX];
    struct stat status;

    if (snprintf(entry, sizeof(entry), "%s%s%s", below, below[0] == '\0' ? "" : "/", name) >=
            (int)sizeof(entry) ||
        snprintf(path, sizeof(path), "%s/%s", self->folder, entry) >= (int)sizeof(path))
        return enoki_error_set(self->err, ENOKI_ELIMIT, "'%.200s...' is too long for a path",
                               below);
    if (ignore_has(&self->ignore, entry))
        return 0;
    if (stat(path, &status) != 0)
        return enoki_error_set(self->err, ENOKI_EIO, "%.300s: %s", path, strerrordesc_np(errno));
    if (S_ISDIR(status.st_mode))
        return add_folder(self, entry, depth + 1);
    if (!S_ISREG(status.st_mode))
        return enoki_error_set(self->err, ENOKI_EINVAL,
                               "'%.300s' is neither file nor folder: it cannot be deployed", path);
    return add_file(self, path, entry, (status.st_mode & 0100) != 0 ? 0755 : 0644,
                    (uint64_t)status.st_size);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct packing *self, const char *below, unsigned depth)
{
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    int count, rc = 0;

    if (snprintf(path, sizeof(path), "%s/%s", self->folder, below) >= (int)sizeof(path) ||
        depth > DEPTH_MAX)
        return enoki_error_set(self->err, ENOKI_ELIMIT,
                               "'%.200s': folders are nested too deeply, or a link leads round",
                               below);
    count = scandir(path, &entries, is_shown, by_name);
    if (count < 0)
        return enoki_error_set(self->err, ENOKI_EIO, "%.300s: %s", path, strerrordesc_np(errno));
    for (int i = 0; i < count; i++) {
        if (rc == 0)
            rc = add_entry(self, below, entries[i]->d_name, depth);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int add_single(struct packing *self, const char *path, uint64_t size)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
        size_t suffix = strlen(singles[i].suffix);

        if (len > suffix && strcmp(path + len - suffix, singles[i].suffix) == 0)
            return add_file(self, path, singles[i].entry, singles[i].mode, size);
    }
    return enoki_error_set(
        self->err, ENOKI_EINVAL,
        "'%.200s' is no function: a folder, a ZIP, or a file .c, .so, .py or .sh", path);
}

static const char *guess(zip_t *zip)
{
    zip_int64_t count = zip_get_num_entries(zip, 0);

    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (zip_int64_t i = 0; i < count; i++) {
            const char *name = zip_get_name(zip, (zip_uint64_t)i, 0);

            if (name != NULL && strchr(name, '/') == NULL &&
                fnmatch(kinds[kind].file, name, 0) == 0)
                return kinds[kind].env;
        }
    }
    return NULL;
}

static int take_bytes(struct package *out, zip_source_t *source, struct enoki_error *err)
{
    zip_stat_t status;
    zip_int64_t got = -1;

    if (zip_source_open(source) != 0)
        return enoki_error_set(err, ENOKI_EIO, "the package cannot be read back: %s",
                               zip_error_strerror(zip_source_error(source)));
    if (zip_source_stat(source, &status) == 0 && (status.valid & ZIP_STAT_SIZE) != 0) {
        out->len = (size_t)status.size;
        out->zip = malloc(out->len + 1);
        got = out->zip == NULL ? -1 : zip_source_read(source, out->zip, out->len);
    }
    (void)zip_source_close(source);
    if (got >= 0 && (size_t)got == out->len)
        return 0;
    return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the package");
}

static int fill(struct packing *self, const char *path, const struct stat *status)
{
    int rc;

    if (S_ISREG(status->st_mode))
        return add_single(self, path, (uint64_t)status->st_size);
    rc = ignore_read(&self->ignore, path, self->err);
    if (rc == 0)
        rc = add_folder(self, "", 0);
    ignore_fini(&self->ignore);
    if (rc == 0 && self->count == 0)
        rc = enoki_error_set(self->err, ENOKI_EINVAL,
                             "'%.300s' is empty: hidden files are left out", path);
    return rc;
}

static int build(struct package *out, const char *path, const struct stat *status,
                 struct enoki_error *err)
{
    struct packing self = {.folder = path, .err = err};
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
    int rc;

    self.zip = source == NULL ? NULL : zip_open_from_source(source, ZIP_TRUNCATE, NULL);
    if (self.zip == NULL) {
        zip_source_free(source);
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the package");
    }
    zip_source_keep(source);
    rc = fill(&self, path, status);
    if (rc == 0)
        out->env = guess(self.zip);
    if (rc == 0 && zip_close(self.zip) != 0)
        rc = enoki_error_set(err, ENOKI_EIO, "the package cannot be made: %s",
                             zip_error_strerror(zip_get_error(self.zip)));
    if (rc != 0)
        zip_discard(self.zip);
    else
        rc = take_bytes(out, source, err);
    zip_source_free(source);
    return rc;
}

/* A ZIP as it is; libzip says whether it is one, and what is in it. */
static int take_zip(struct package *out, const char *path, const struct stat *status,
                    struct enoki_error *err)
{
    zip_t *zip = zip_open(path, ZIP_RDONLY, NULL);
    int fd;
    ssize_t got;

    if (zip == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "'%.300s' is no ZIP", path);
    out->env = guess(zip);
    zip_discard(zip);
    if (status->st_size > PACKAGE_BYTES_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT, "'%.300s' is too large; allowed: %u MiB", path,
                               PACKAGE_BYTES_MAX >> 20);
    out->len = (size_t)status->st_size;
    out->zip = malloc(out->len + 1);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = out->zip == NULL || fd < 0 ? -1 : read(fd, out->zip, out->len);
    if (fd >= 0)
        (void)close(fd);
    if (got < 0 || (size_t)got != out->len)
        return enoki_error_set(err, ENOKI_EIO, "'%.300s' cannot be read", path);
    return 0;
}

/* "a/hello.py" is "hello", as "a/hello/fn.py" is. */
static void name_it(struct package *out, const char *path, bool is_folder)
{
    char whole[PATH_MAX], *last;
    const char *dot;

    if (realpath(path, whole) == NULL)
        return;
    last = strrchr(whole, '/');
    if (!is_folder && strncmp(last, "/fn.", 4) == 0 && last != whole) {
        *last = '\0';
        last = strrchr(whole, '/');
        is_folder = true;
    }
    last++;
    dot = is_folder ? NULL : strrchr(last, '.');
    (void)snprintf(out->name, sizeof(out->name), "%.*s",
                   (int)(dot == NULL ? strlen(last) : (size_t)(dot - last)), last);
}

int package_make(struct package *out, const char *path, struct enoki_error *err)
{
    const char *dot = strrchr(path, '.');
    struct stat status;
    int rc;

    *out = (struct package){.len = 0};
    if (stat(path, &status) != 0)
        return enoki_error_set(err, ENOKI_EINVAL, "%.300s: %s", path, strerrordesc_np(errno));
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return enoki_error_set(err, ENOKI_EINVAL, "'%.300s' is neither file nor folder", path);
    name_it(out, path, S_ISDIR(status.st_mode));
    if (S_ISREG(status.st_mode) && dot != NULL && strcmp(dot, ".zip") == 0)
        rc = take_zip(out, path, &status, err);
    else
        rc = build(out, path, &status, err);
    if (rc != 0)
        package_fini(out);
    return rc;
}

void package_fini(struct package *package)
{
    free(package->zip);
    package->zip = NULL;
}
