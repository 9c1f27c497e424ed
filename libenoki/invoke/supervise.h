/*
 * supervise.h - a small parent that never runs user code and keeps one child serving.
 *
 * When the child dies, the next one accepts on the same sockets at once; one that dies before it is
 * ready is started again after a growing pause. A child that retires serves its last calls while
 * its successor accepts. SIGTERM and SIGINT are passed on; the children end with their parent.
 *
 * Fork     the caller has no threads.
 */
#ifndef EN_SUPERVISE_H
#define EN_SUPERVISE_H

#include "base/log.h"

/* What a child tells its parent: one byte on the descriptor that it got. */
#define EN_CHILD_READY 'R'
#define EN_CHILD_RETIRES 'T'

struct en_supervise_options {
    const struct en_log *log;
    uint64_t drain_timeout_ms; /* a child that takes longer after SIGTERM is killed */
    int (*run)(void *context, int notify_fd); /* in the child: returns its exit status */
    void (*ready)(void *context);             /* in the parent: the first child is ready */
    void (*stopping)(void *context);          /* in the parent: close what only children need */
    void *context;
};

/* Returns the exit status for the process: in the parent once all children have ended, in a child
 * what run returned, with *is_child_out set. */
int en_supervise(const struct en_supervise_options *options, int *is_child_out);

#endif
