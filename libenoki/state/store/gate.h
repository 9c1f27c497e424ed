/*
 * gate.h - a mutex in shared memory that survives whoever holds it, or waits for it.
 *
 * A robust mutex alone is not enough: when its owner is killed the kernel wakes one waiter, and if
 * that one is being killed too the wake-up is lost and the others sleep for ever (seen on Linux
 * 6.18 with LMDB's own lock). Who waits here looks again every few milliseconds.
 *
 * Threads  any thread of any process that maps it.    Fork  after.
 */
#ifndef EN_GATE_H
#define EN_GATE_H

#include <pthread.h>

struct en_gate {
    pthread_mutex_t mutex;
};

/* 0 or errno; so below. What the dead owner left undone is the caller's concern. */
int en_gate_init(struct en_gate *gate);
int en_gate_lock(struct en_gate *gate);
int en_gate_try(struct en_gate *gate); /* EBUSY: not free */
void en_gate_unlock(struct en_gate *gate);

#endif
