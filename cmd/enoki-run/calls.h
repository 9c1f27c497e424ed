/*
 * calls.h - the calls of one function: admitted or refused, queued until an instance has room, sent
 * to the least loaded one, answered.
 *
 * A call stays here until a runtime can begin with it: whichever is free first gets it, and what a
 * runtime's end takes along is little. A call that nobody waits for was accepted: it is never
 * refused, does not run out of time while it waits, and is run again if its runtime ends, a few
 * times.
 *
 * Threads  loop thread.
 */
#ifndef CALLS_H
#define CALLS_H

#include "function.h"

struct instance;

/* An asynchronous call whose runtime died is run again, but not for ever: it may be the cause. */
#define CALLS_ATTEMPTS_MAX 3u

/* Runs, queues or refuses a call; consumes it. One that wants an acknowledgement is asynchronous:
 * who waits is told whether it is accepted. */
void calls_submit(struct function *function, struct enoki_invocation *invocation);

/* Who waits for the acknowledgement gets it: 0, or why the call is not accepted. */
void calls_acknowledge(struct function *function, struct enoki_invocation *invocation, int rc);
/* The node stops: what waits and is kept on disk is left to the next one. */
void calls_leave(struct function *function);

/* Sends what waits, as far as there is room. */
void calls_pump(struct function *function);
/* Answers those that wait with this; without all accepted ones go on waiting. */
void calls_fail(struct function *function, bool all, int status, const char *text);
/* Nobody waits for this call any more: one that is still queued is not run, and answered 499. */
void calls_abandon(struct function *function, const struct en_waiter *waiter);
/* Who calls a function that cannot be started learns why. */
void calls_fail_start(struct function *function);
/* Answers those that waited too long. The time of the next look. */
uint64_t calls_expire(struct function *function, uint64_t now_ms);

/* instance.c: what became of a call that it was given. The reply is changed as callers are to get
 * it. */
void calls_on_answer(struct function *function, struct enoki_invocation *invocation,
                     struct en_reply *reply);
void calls_on_lost(struct function *function, struct enoki_invocation *invocation);

#endif
