/*
 * heap.h - how much free memory a process of ours keeps for what comes next.
 *
 * Left to itself malloc gives blocks of 100 KB back to the kernel when they are freed, and to get
 * the next call's page by page costs as much as all the copies of it. Not for processes that run
 * user code: those are the user's to tune.
 *
 * Threads  any thread; keep before there are others.    Fork  children inherit it.
 */
#ifndef EN_HEAP_H
#define EN_HEAP_H

/* From now on up to 4 MiB of what is freed stay at hand, and blocks below 2 MiB come from there. */
void en_heap_keep(void);
/* Gives back what is at hand: there has been no use for it for a while. */
void en_heap_rest(void);

#endif
