/*
 * probe.h - is a thread that has been busy for a while computing, or does it wait for something?
 *
 * Threads  one thread at a time; the probed thread lives.
 */
#ifndef THREAD_PROBE_H
#define THREAD_PROBE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the last look at a thread saw; all zeroes before the first. */
struct probe {
    unsigned turn;
    uint64_t at_ns;
    uint64_t cpu_ns;
};

enum probe_result {
    PROBE_NEW_TURN,  /* another turn than at the last look, or that was long ago: not known yet */
    PROBE_COMPUTING, /* on a processor, or waiting for one */
    PROBE_WAITING,   /* another turn, but it has hardly computed since the last look */
    PROBE_BLOCKED,   /* the same turn, and likewise */
};

/* turn numbers what the thread is busy with; tid is its kernel id. */
enum probe_result probe_look(struct probe *probe, pthread_t thread, pid_t tid, unsigned turn,
                             uint64_t now_ns);

/* How often the calling thread has waited for something else than a processor. */
long probe_own_waits(void);

#endif
