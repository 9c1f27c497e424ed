/*
 * keeper.h - accepted asynchronous calls of functions with async = "durable": on disk (spool.h)
 * before they are acknowledged, and run again by the next node if this one ends before they have.
 *
 * Each is tried so often at most, by all nodes together, and is given up with a line in the log
 * then; so is one whose function is gone.
 *
 * Threads  loop thread.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "node.h"

struct keeper;

/* Opens what is there. ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int keeper_new(struct keeper **out, struct node *node, const char *path,
                                uint64_t max_bytes, struct enoki_error *err);
/* NULL is allowed, as below. */
void keeper_free(struct keeper *keeper);

/* The functions are deployed: runs what is left of the last time. */
void keeper_resume(struct keeper *keeper);
/* No more of that: the node stops. */
void keeper_stop(struct keeper *keeper);

/* Keeps a call that wants an acknowledgement, and then acknowledges it and submits it; consumes
 * it. */
void keeper_accept(struct keeper *keeper, struct function *function,
                   struct enoki_invocation *invocation);
/* A call that is kept, by its number, is tried; is done with. */
void keeper_tries(struct keeper *keeper, uint64_t number, uint32_t attempts);
void keeper_forget(struct keeper *keeper, uint64_t number, size_t body_bytes);

/* Calls that are kept, and their bytes on disk. */
uint64_t keeper_count(const struct keeper *keeper);
uint64_t keeper_bytes(const struct keeper *keeper);

#endif
