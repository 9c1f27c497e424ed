/*
 * spawn.h - starts a runtime: a program of ours with a socket of frames and its output in pipes.
 *
 * Threads  the loop thread: a runtime ends with the thread that spawned it.
 */
#ifndef SPAWN_H
#define SPAWN_H

#include <enoki/error.h>

#include <sys/types.h>

struct spawned {
    pid_t pid;
    int pidfd;  /* readable once it has ended */
    int frames; /* the front door's end, as the next two (proto/frame.md) */
    int peers;
    int routes;
    int counts; /* to be mapped: state/counts.h */
    int out; /* what it writes; non-blocking */
    int err;
};

/* argv[0] names the program, which is looked for beside this one and then in PATH. Descriptors are
 * owned by the caller and close on exec. ENOKI_EIO, ENOKI_ENOTFOUND */
ENOKI_MUST_CHECK int spawn_runtime(struct spawned *out, char *const *argv, struct enoki_error *err);

#endif
