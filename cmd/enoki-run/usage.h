/*
 * usage.h - what memory functions' processes have, as the kernel counts it.
 *
 * Threads  loop thread; reads three files of /proc for each process, two more for each runtime.
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct usage {
    uint64_t bytes; /* proportional set size: what is shared counts as a part (PSS) */
    uint32_t processes;
};

/* Adds a process and those that it started, 512 at most. What ends meanwhile is left out. */
void usage_add(struct usage *usage, pid_t pid);

/* Looks at functions that nobody looked at for 5 s (for 1 s, as to how many workers there are), for
 * 5 ms at most, so that no call waits: who asks next goes on. */
struct node;
void usage_refresh(struct node *node);

/* Its workers, as of the last look; those of enoki-thread are threads, which are as many as its
 * runtimes were told. */
struct function;
uint64_t usage_workers(const struct function *function);

#endif
