/*
 * scaling.h - how many instances a function has: as many as its calls need, between the bounds of
 * `instances`. One more is started when calls have waited for a moment and all are busy; one that
 * had no call for a while ends. With the lower bound 0 a function sleeps, without any process,
 * until a call comes.
 *
 * Threads  loop thread.
 */
#ifndef SCALING_H
#define SCALING_H

#include "function.h"

/* The next generation's number of instances, before it starts. */
void scaling_plan(struct function *function);
/* The next generation has become the one that gets calls: with so many instances. */
void scaling_switch(struct function *function, uint32_t target);

/* Starts what is missing of the generation that gets calls and of the next one. */
void scaling_fill(struct function *function);

/* Calls wait for a runtime, or do not (any more). */
void scaling_press(struct function *function, bool calls_wait);
/* An instance has ended by itself, or did not start. */
void scaling_lose(struct function *function, bool was_ready);

/* Of one generation: those that are ready, or starting too. */
uint32_t scaling_count(const struct function *function, uint64_t generation, bool only_ready);

/* Starts and ends instances whose time has come. The time of the next look. */
uint64_t scaling_tick(struct function *function, uint64_t now_ms);

#endif
