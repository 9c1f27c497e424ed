/*
 * dev_watch.h - what changes in a folder and the folders below it, by inotify.
 *
 * Threads  one.
 */
#ifndef DEV_WATCH_H
#define DEV_WATCH_H

#include <enoki/error.h>

#include <stdbool.h>

struct dev_watch;

/* Hidden folders are not looked into. deep: those below too. ENOKI_EIO, ENOKI_ELIMIT, ENOKI_ENOMEM
 */
ENOKI_MUST_CHECK int dev_watch_new(struct dev_watch **out, const char *folder, bool deep,
                                   struct enoki_error *err);
void dev_watch_free(struct dev_watch *watch);

/* Readable when something has changed. */
int dev_watch_fd(const struct dev_watch *watch);

/* Takes what has changed; true if wants() wanted one of it, which gets the path from the folder. */
bool dev_watch_take(struct dev_watch *watch, int (*wants)(void *context, const char *path),
                    void *context);

#endif
