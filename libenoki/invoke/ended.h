/*
 * ended.h - how a process ended, in words.
 *
 * Threads  any.
 */
#ifndef EN_ENDED_H
#define EN_ENDED_H

#include <stddef.h>
#include <sys/types.h>

#define EN_ENDED_TEXT_SIZE 96u

/* "was killed by signal 11 (Segmentation fault)" or "ended with status 3", of what wait() told. */
void en_ended_text(int wait_status, char text[EN_ENDED_TEXT_SIZE]);

/* The same of a child that is ending: waits for it for a second, and reaps it. "hung up" if it goes
 * on; it is left alone then. */
void en_ended_wait(pid_t child, char text[EN_ENDED_TEXT_SIZE]);

#endif
