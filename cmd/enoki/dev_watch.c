#include "dev_watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS_MAX 4096u
#define DEPTH_MAX 16u
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR)

struct dev_watch {
    int fd;
    bool deep;
    char folder[PATH_MAX];
    struct watched {
        int number;
        char *path; /* from the folder, "" itself */
    } * folders;
    size_t count;
};

static bool is_looked_into(const char *name)
{
    return name[0] != '.' && strcmp(name, "node_modules") != 0 && strcmp(name, "__pycache__") != 0;
}

static int add(struct dev_watch *watch, const char *path, unsigned depth, struct enoki_error *err);

static int add_below(struct dev_watch *watch, const char *path, const char *whole, unsigned depth,
                     struct enoki_error *err)
{
    DIR *entries = opendir(whole);
    const struct dirent *entry;
    int rc = 0;

    while (entries != NULL && rc == 0 && (entry = readdir(entries)) != NULL) {
        char below[PATH_MAX];

        if (entry->d_type == DT_DIR && is_looked_into(entry->d_name) &&
            snprintf(below, sizeof(below), "%s%s%s", path, path[0] == '\0' ? "" : "/",
                     entry->d_name) < (int)sizeof(below))
            rc = add(watch, below, depth + 1, err);
    }
    if (entries != NULL)
        (void)closedir(entries);
    return rc;
}

static int add(struct dev_watch *watch, const char *path, unsigned depth, struct enoki_error *err)
{
    char whole[PATH_MAX * 2];
    struct watched *folders;
    char *kept;
    int number;

    (void)snprintf(whole, sizeof(whole), "%s/%s", watch->folder, path);
    if (watch->count == FOLDERS_MAX || depth > DEPTH_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT, "%.200s: too many folders to watch", whole);
    number = inotify_add_watch(watch->fd, whole, EVENTS);
    if (number < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0 /* it is gone again */
                   : enoki_error_set(err, ENOKI_EIO, "%.300s cannot be watched: %s", whole,
                                     strerrordesc_np(errno));
    kept = strdup(path);
    folders = reallocarray(watch->folders, watch->count + 1, sizeof(*folders));
    if (folders != NULL)
        watch->folders = folders;
    if (kept == NULL || folders == NULL) {
        free(kept);
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory to watch %.200s", whole);
    }
    watch->folders[watch->count++] = (struct watched){number, kept};
    return watch->deep ? add_below(watch, path, whole, depth, err) : 0;
}

int dev_watch_new(struct dev_watch **out, const char *folder, bool deep, struct enoki_error *err)
{
    struct dev_watch *watch = calloc(1, sizeof(*watch));
    int rc;

    if (watch == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory to watch %.200s", folder);
    watch->deep = deep;
    (void)snprintf(watch->folder, sizeof(watch->folder), "%s", folder);
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    rc = watch->fd < 0
             ? enoki_error_set(err, ENOKI_EIO, "nothing can be watched: %s", strerrordesc_np(errno))
             : add(watch, "", 0, err);
    if (rc != 0) {
        dev_watch_free(watch);
        return rc;
    }
    *out = watch;
    return 0;
}

void dev_watch_free(struct dev_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        (void)close(watch->fd);
    for (size_t i = 0; i < watch->count; i++)
        free(watch->folders[i].path);
    free(watch->folders);
    free(watch);
}

int dev_watch_fd(const struct dev_watch *watch)
{
    return watch->fd;
}

static const char *path_of(const struct dev_watch *watch, int number)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->folders[i].number == number)
            return watch->folders[i].path;
    }
    return NULL;
}

static bool is_empty(const struct dev_watch *watch, const char *path)
{
    char whole[PATH_MAX * 2];
    const struct dirent *entry;
    bool is = true;
    DIR *entries;

    (void)snprintf(whole, sizeof(whole), "%s/%s", watch->folder, path);
    entries = opendir(whole);
    while (entries != NULL && is && (entry = readdir(entries)) != NULL)
        is = entry->d_name[0] == '.';
    if (entries != NULL)
        (void)closedir(entries);
    return is;
}

static bool take_one(struct dev_watch *watch, const struct inotify_event *event,
                     int (*wants)(void *context, const char *path), void *context)
{
    const char *folder = path_of(watch, event->wd);
    char path[PATH_MAX];
    bool is_folder = (event->mask & IN_ISDIR) != 0;

    if ((event->mask & IN_Q_OVERFLOW) != 0)
        return true;
    if (folder == NULL || event->len == 0 ||
        snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] == '\0' ? "" : "/", event->name) >=
            (int)sizeof(path))
        return false;
    if (is_folder && watch->deep && is_looked_into(event->name) &&
        (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0 && add(watch, path, 1, NULL) != 0)
        return false; /* what is in it is not seen: too much to watch */
    /* What is made is empty, and the end of writing to it is another event; unless a folder was
     * filled before it was watched. */
    if ((event->mask & IN_CREATE) != 0 && (!is_folder || is_empty(watch, path)))
        return false;
    return wants(context, path) != 0;
}

bool dev_watch_take(struct dev_watch *watch, int (*wants)(void *context, const char *path),
                    void *context)
{
    _Alignas(struct inotify_event) char bytes[16384];
    bool is_wanted = false;
    ssize_t len;

    while ((len = read(watch->fd, bytes, sizeof(bytes))) > 0) {
        for (const char *at = bytes; at < bytes + len;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            if (take_one(watch, event, wants, context))
                is_wanted = true;
            at += sizeof(*event) + event->len;
        }
    }
    return is_wanted;
}
