/*
 * dev_log.h - what enoki-run writes, as `enoki dev` shows it: lines of the function with its name
 * in front, errors, and when a version is ready or cannot be started.
 *
 * Threads  one.
 */
#ifndef DEV_LOG_H
#define DEV_LOG_H

#include <stddef.h>

enum dev_news { DEV_NOTHING, DEV_READY, DEV_FAILED };

struct dev_log {
    const char *name; /* of the function */
    char line[16384];
    size_t len;
    char url[512];   /* of the last ready line */
    char last[2048]; /* error that was shown */
};

/* Shows what is in the line, which is whole. */
enum dev_news dev_log_show(struct dev_log *log, char *line);

#endif
