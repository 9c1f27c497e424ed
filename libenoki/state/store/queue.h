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

/* Opens the folder's board; env is borrowed until close. With the folder locked. Errors as
 * en_board_open(). */
ENOKI_MUST_CHECK int en_queue_open(struct en_queue **out, const struct en_folder *folder,
                                   struct en_env *env, enum enoki_keygroup_kind kind,
                                   struct enoki_error *err);
/* NULL is allowed. */
void en_queue_close(struct en_queue *queue);

/* Runs one operation durably; its own status, or the transaction's, see env.h. */
ENOKI_MUST_CHECK int en_queue_run(struct en_queue *queue, const struct en_op *op,
                                  struct en_op_result *result);

#endif
