/*
 * living.h - the threads of servers and of delayed answers: each is joined when the next ones
 * begin, or in the end, so that what it holds is released before the program ends.
 *
 * Threads  any thread.
 */
#ifndef DOUBLE_LIVING_H
#define DOUBLE_LIVING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Zero but for its lock and condition. */
struct living {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned count;
    size_t ended_count; /* to be joined */
    pthread_t *ended;
};

void living_begin(struct living *living, void *(*run)(void *), void *context);
/* The last thing that such a thread does. */
void living_end(struct living *living);
/* Until all have ended; false if some still live after so long. */
bool living_wait(struct living *living, unsigned limit_s);

#endif
