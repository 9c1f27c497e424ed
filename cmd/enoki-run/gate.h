/*
 * gate.h - how many runtimes start at once: a node of hundreds of functions starts them in turn,
 * each at full speed, instead of all at once and none for long.
 *
 * Threads  loop thread.
 */
#ifndef GATE_H
#define GATE_H

#include "net/loop.h"

struct function;

struct gate {
    unsigned inside, most;
    struct function *first, *last; /* who waits, by next_at_gate */
    struct en_soon *soon;
};

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int gate_init(struct gate *gate, struct en_loop *loop);
void gate_fini(struct gate *gate);

/* One runtime of it may start now: gate_leave() once it has, or has failed to. False: later;
 * scaling_fill() is called then. Who waits for calls goes first. */
bool gate_enter(struct gate *gate, struct function *function, bool urgent);
void gate_leave(struct gate *gate);
/* It waits no longer. */
void gate_forget(struct gate *gate, struct function *function);

#endif
