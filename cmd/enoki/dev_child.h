/*
 * dev_child.h - a process whose output is read: the compiler, and enoki-run.
 *
 * Threads  one.    Fork  children end with this process.
 */
#ifndef DEV_CHILD_H
#define DEV_CHILD_H

#include <enoki/error.h>

#include <stdbool.h>
#include <sys/types.h>

struct dev_child {
    pid_t pid; /* of its group too; 0: there is none */
    int fd;    /* of what it writes, to either stream */
};

/* In the folder. ENOKI_EIO */
ENOKI_MUST_CHECK int dev_child_start(struct dev_child *child, char *const argv[],
                                     const char *folder, struct enoki_error *err);
/* To it and to what it has started. */
void dev_child_signal(const struct dev_child *child, int number);
/* Waits for its end; its status as waitpid() has it. */
int dev_child_end(struct dev_child *child);

#endif
