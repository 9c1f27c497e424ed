#include "log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines that wait for the disk. */
#define WAITING_MAX_BYTES (4u << 20)

struct entry {
    struct entry *next;
    size_t len;
    char function[ENOKI_NAME_MAX + 1];
    char text[];
};

struct log_files {
    struct log_files_options options;
    pthread_t writer;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct entry *first, **last; /* protected by mutex, as all to ending */
    size_t waiting_bytes;
    uint64_t dropped; /* lines */
    bool ending;

    /* The writer's: the file that it wrote to last. */
    int fd;
    char function[ENOKI_NAME_MAX + 1];
    uint64_t size;
    bool is_failing;
};

void log_files_put(struct log_files *files, const char *function, const char *text, size_t len)
{
    struct entry *entry;

    if (files == NULL)
        return;
    entry = malloc(sizeof(*entry) + len);
    if (entry != NULL) {
        entry->next = NULL;
        entry->len = len;
        (void)snprintf(entry->function, sizeof(entry->function), "%s", function);
        memcpy(entry->text, text, len);
    }
    (void)pthread_mutex_lock(&files->mutex);
    if (entry == NULL || files->waiting_bytes + len > WAITING_MAX_BYTES) {
        files->dropped++;
    } else {
        *files->last = entry;
        files->last = &entry->next;
        files->waiting_bytes += len;
        entry = NULL;
        (void)pthread_cond_signal(&files->changed);
    }
    (void)pthread_mutex_unlock(&files->mutex);
    free(entry);
}

/* --- the writer ---------------------------------------------------------------------------------
 */

/* Its path; number 0 is the newest. */
static void name_file(const struct log_files *files, const char *function, unsigned number,
                      char out[PATH_MAX])
{
    if (number == 0)
        (void)snprintf(out, PATH_MAX, "%s/%s.log", files->options.path, function);
    else
        (void)snprintf(out, PATH_MAX, "%s/%s.log.%u", files->options.path, function, number);
}

static void close_file(struct log_files *files)
{
    if (files->fd >= 0)
        (void)close(files->fd);
    files->fd = -1;
}

static int open_file(struct log_files *files, const char *function)
{
    char path[PATH_MAX];
    struct stat status;

    if (files->fd >= 0 && strcmp(files->function, function) == 0)
        return 0;
    close_file(files);
    name_file(files, function, 0, path);
    files->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                     S_IRUSR | S_IWUSR | S_IRGRP);
    if (files->fd < 0 || fstat(files->fd, &status) != 0)
        return ENOKI_EIO;
    (void)snprintf(files->function, sizeof(files->function), "%s", function);
    files->size = (uint64_t)status.st_size;
    return 0;
}

/* A file that is missing is no failure: the names move on by one. */
static int rotate(struct log_files *files)
{
    char from[PATH_MAX], to[PATH_MAX];

    close_file(files);
    name_file(files, files->function, files->options.keep, to);
    if (unlink(to) != 0 && errno != ENOENT)
        return ENOKI_EIO;
    for (unsigned i = files->options.keep; i > 0; i--) {
        name_file(files, files->function, i - 1, from);
        name_file(files, files->function, i, to);
        if (rename(from, to) != 0 && errno != ENOENT)
            return ENOKI_EIO;
    }
    return 0;
}

static int write_all(struct log_files *files, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(files->fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ENOKI_EIO;
        text += n;
        len -= (size_t)n;
        files->size += (uint64_t)n;
    }
    return 0;
}

static int store(struct log_files *files, const struct entry *entry)
{
    int rc = open_file(files, entry->function);

    if (rc == 0 && files->size > 0 && files->size + entry->len > files->options.max_bytes) {
        rc = rotate(files);
        if (rc == 0)
            rc = open_file(files, entry->function);
    }
    return rc == 0 ? write_all(files, entry->text, entry->len) : rc;
}

/* Told once, not for every line. */
static void store_or_tell(struct log_files *files, const struct entry *entry)
{
    bool failed = store(files, entry) != 0;

    if (failed && !files->is_failing)
        en_log(files->options.log, ENOKI_LOG_ERROR, "%s/%s.log cannot be written: %s",
               files->options.path, entry->function, strerror(errno));
    if (failed)
        close_file(files);
    files->is_failing = failed;
}

static void store_list(struct log_files *files, struct entry *entry, uint64_t dropped)
{
    while (entry != NULL) {
        struct entry *next = entry->next;

        store_or_tell(files, entry);
        free(entry);
        entry = next;
    }
    if (dropped > 0)
        en_log(files->options.log, ENOKI_LOG_WARN,
               "%llu lines of functions are not in %s: the disk does not keep up",
               (unsigned long long)dropped, files->options.path);
}

static void *write_on(void *context)
{
    struct log_files *files = context;

    (void)pthread_mutex_lock(&files->mutex);
    while (!files->ending || files->first != NULL) {
        struct entry *entry = files->first;
        uint64_t dropped = files->dropped;

        if (entry == NULL) {
            (void)pthread_cond_wait(&files->changed, &files->mutex);
            continue;
        }
        files->first = NULL;
        files->last = &files->first;
        files->waiting_bytes = 0;
        files->dropped = 0;
        (void)pthread_mutex_unlock(&files->mutex);
        store_list(files, entry, dropped);
        (void)pthread_mutex_lock(&files->mutex);
    }
    (void)pthread_mutex_unlock(&files->mutex);
    return NULL;
}

/* --- life ---------------------------------------------------------------------------------------
 */

int log_files_new(struct log_files **out, const struct log_files_options *options,
                  struct enoki_error *err)
{
    struct log_files *files;

    if ((mkdir(options->path, S_IRWXU | S_IRGRP | S_IXGRP) != 0 && errno != EEXIST) ||
        access(options->path, W_OK | X_OK) != 0)
        return enoki_error_set(err, ENOKI_EIO, "log.path: %.300s: %s", options->path,
                               strerror(errno));
    files = calloc(1, sizeof(*files));
    if (files == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for log files");
    files->options = *options;
    files->fd = -1;
    files->last = &files->first;
    (void)pthread_mutex_init(&files->mutex, NULL);
    (void)pthread_cond_init(&files->changed, NULL);
    if (pthread_create(&files->writer, NULL, write_on, files) != 0) {
        free(files);
        return enoki_error_set(err, ENOKI_ENOMEM, "no thread for log files");
    }
    *out = files;
    return 0;
}

void log_files_free(struct log_files *files)
{
    if (files == NULL)
        return;
    (void)pthread_mutex_lock(&files->mutex);
    files->ending = true;
    (void)pthread_cond_signal(&files->changed);
    (void)pthread_mutex_unlock(&files->mutex);
    (void)pthread_join(files->writer, NULL);
    close_file(files);
    (void)pthread_cond_destroy(&files->changed);
    (void)pthread_mutex_destroy(&files->mutex);
    free(files);
}
