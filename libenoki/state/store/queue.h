/*
 * queue.h - durable writes of all processes share one fsync: whoever gets the leader's lock runs
 * what everybody has posted in one transaction, the others wait for their result.
 *
 * An operation is applied once, also if the leader dies: the transaction carries a batch number,
 * and so does every slot that it ran; who takes over compares them.
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_QUEUE_H
#define EN_QUEUE_H

#include "state/store/board.h"

struct en_queue;

/* board and env are borrowed until it is freed. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_queue_new(struct en_queue **out, struct en_board *board, struct en_env *env,
                                  enum enoki_keygroup_kind kind);
/* NULL is allowed. */
void en_queue_free(struct en_queue *queue);

/* Runs one operation durably; its own status, or the transaction's, see env.h. */
ENOKI_MUST_CHECK int en_queue_run(struct en_queue *queue, const struct en_op *op,
                                  struct en_op_result *result);

#endif
