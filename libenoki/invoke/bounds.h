/*
 * bounds.h - what user code may take: set in the process that loads it, before it is loaded, and
 * kept by all that this process forks. The runtime's parent, which runs no user code, has none.
 *
 * Threads  one thread, before others exist.    Fork  children inherit.
 */
#ifndef EN_BOUNDS_H
#define EN_BOUNDS_H

#include "base/log.h"

#include <enoki/config.h>

/* What the runtime itself needs in that process, beyond what the limits allow to user code. */
struct en_bounds_room {
    uint64_t descriptors;
    uint64_t processes; /* of all runtimes of this user */
};

/* Sets memory, files, file_size and, if this process has a user of its own (ENOKI_OWN_USER),
 * processes, for ever. From now on a forbidden system call is logged with its name before it ends
 * the process; log is borrowed for that long. ENOKI_EIO */
ENOKI_MUST_CHECK int en_bounds_set(const struct enoki_limits *limits,
                                   const struct en_bounds_room *room,
                                   const struct en_log *log, struct enoki_error *err);

/* What callers are told of a call that was ended. */
#define EN_CALL_LATE_TEXT "the call took too long\n"
#define EN_CALL_USED_UP_TEXT "the call used more CPU time than it may (limit: cpu)\n"

/* "seccomp", "file_size", "cpu": the limit that a process crosses whom this signal ends; NULL: it
 * tells of none. */
const char *en_bounds_of_signal(int signal_number);

/* After a call failed with that code, in its process: the limit that is the likely reason, or
 * NULL. */
const char *en_bounds_of_failure(const struct enoki_limits *limits, int code);

#endif
