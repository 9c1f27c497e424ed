#include "state/store/queue.h"

#include "state/store/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct en_queue {
    struct en_env *env;
    struct en_board *board;
    enum enoki_keygroup_kind kind;
    unsigned char scratch[EN_PACKED_BYTES]; /* needs the leader's lock */
};

/* What one leader runs in one transaction. */
struct batch {
    struct en_queue *queue;
    const struct en_op *own; /* the leader's, not in a slot; may be NULL */
    struct en_op_result *own_result;
    unsigned slots[EN_BOARD_SLOTS];
    unsigned count; /* of slots */
    bool open;      /* slots posted meanwhile may come along */
};

int en_queue_new(struct en_queue **out, struct en_board *board, struct en_env *env,
                 enum enoki_keygroup_kind kind)
{
    struct en_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL)
        return ENOKI_ENOMEM;
    queue->env = env;
    queue->board = board;
    queue->kind = kind;
    *out = queue;
    return 0;
}

void en_queue_free(struct en_queue *queue)
{
    free(queue);
}

/* --- one transaction -------------------------------------------------------------------------- */

static bool is_allowed(const struct en_queue *queue, enum en_op_kind kind)
{
    return kind == EN_OP_IMPORT || (kind == EN_OP_APPEND) == (queue->kind == ENOKI_KEYGROUP_APPEND);
}

/* Runs the operation of one slot; the transaction's status. */
static int apply_slot(struct en_env_write *write, struct en_queue *queue, unsigned slot,
                      uint64_t batch)
{
    struct en_op_result result = {0};
    struct en_slot_result out = {0};
    struct en_unpacked unpacked;
    size_t len = en_board_copy(queue->board, slot, queue->scratch);
    int rc = 0;

    if (en_op_unpack(queue->scratch, len, &unpacked) != 0 || !is_allowed(queue, unpacked.op.kind))
        result.status = ENOKI_EINVAL;
    else
        rc = en_op_apply(write, &unpacked.op, &result);
    out.status = result.status;
    memcpy(out.id, result.id, sizeof(out.id));
    en_board_set_batch(queue->board, slot, batch, &out);
    return rc;
}

static void take_posted(struct batch *batch)
{
    for (unsigned i = 0; i < EN_BOARD_SLOTS && batch->count < EN_BOARD_SLOTS; i++)
        if (en_board_take(batch->queue->board, i))
            batch->slots[batch->count++] = i;
}

static int apply_batch(struct en_env_write *write, void *context)
{
    struct batch *batch = context;
    uint64_t number = 0;
    unsigned done = 0;
    int rc = en_meta_batch(write->txn, write->dbi, &number);

    number++;
    if (rc == 0 && batch->own != NULL)
        rc = en_op_apply(write, batch->own, batch->own_result);
    do {
        for (; rc == 0 && done < batch->count; done++)
            rc = apply_slot(write, batch->queue, batch->slots[done], number);
        /* Who waited for this transaction to begin has posted by now. */
        if (rc == 0 && batch->open)
            take_posted(batch);
    } while (rc == 0 && done < batch->count);
    /* Without slots nobody will ask which batch this was. */
    if (rc == 0 && batch->count > 0 && write->changed)
        rc = en_meta_set_batch(write->txn, write->dbi, number);
    return rc;
}

/* --- leading ---------------------------------------------------------------------------------- */

static void finish(struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        en_board_finish(batch->queue->board, batch->slots[i]);
}

/* One operation does not fit, or the disk is full: each for itself, so that one does not fail
 * another. */
static int run_singly(const struct batch *whole)
{
    struct batch one = {.queue = whole->queue, .own = whole->own, .own_result = whole->own_result};
    struct en_env *env = whole->queue->env;
    int own_rc;

    /* The number that they were given is now that of the first which is committed alone. */
    for (unsigned i = 0; i < whole->count; i++)
        en_board_forget_batch(one.queue->board, whole->slots[i]);
    own_rc = one.own == NULL ? 0 : en_env_write(env, true, apply_batch, &one);
    one.own = NULL;
    one.count = 1;
    for (unsigned i = 0; i < whole->count; i++) {
        int rc;

        one.slots[0] = whole->slots[i];
        rc = en_env_write(env, true, apply_batch, &one);
        if (rc != 0)
            en_board_set_status(one.queue->board, one.slots[0], rc);
        finish(&one);
    }
    return own_rc;
}

static int read_batch(struct en_env_write *write, void *committed)
{
    return en_meta_batch(write->txn, write->dbi, committed);
}

/* A leader died and left slots TAKEN. If its batch is committed their results count, else they are
 * run again. */
static int recover(struct en_queue *queue)
{
    uint64_t committed = 0;
    /* Only a writer sees what is committed here: if the leader died at the end of its commit, LMDB
     * tells readers of it when somebody else takes the writer's lock. */
    int rc = en_env_write(queue->env, true, read_batch, &committed);

    /* What it committed may not have reached the disk. */
    if (rc == 0)
        rc = en_env_sync(queue->env);
    for (unsigned i = 0; rc == 0 && i < EN_BOARD_SLOTS; i++) {
        if (en_board_state(queue->board, i) != EN_SLOT_TAKEN)
            continue;
        if (en_board_batch(queue->board, i) <= committed)
            en_board_finish(queue->board, i);
        else
            en_board_put_back(queue->board, i);
    }
    return rc;
}

static bool is_left_behind(const struct en_queue *queue)
{
    for (unsigned i = 0; i < EN_BOARD_SLOTS; i++)
        if (en_board_state(queue->board, i) == EN_SLOT_TAKEN)
            return true;
    return false;
}

/* With the leader's lock, which it releases. The status of own's transaction. */
static int lead(struct en_queue *queue, const struct en_op *own, struct en_op_result *own_result)
{
    struct batch batch = {.queue = queue, .own = own, .own_result = own_result, .open = true};
    int rc = is_left_behind(queue) ? recover(queue) : 0;

    if (rc == 0) {
        take_posted(&batch);
        rc = en_env_write(queue->env, true, apply_batch, &batch);
        if (rc != 0 && batch.count > 0)
            rc = run_singly(&batch);
        else
            finish(&batch);
    }
    en_board_unlock(queue->board);
    en_board_wake_next(queue->board);
    return rc;
}

static int follow(struct en_queue *queue, int slot, struct en_op_result *result)
{
    struct en_slot_result out;

    for (;;) {
        /* Before the attempt to lead: what happens after it then ends the wait at once. */
        uint64_t looked = en_board_look(queue->board, slot);
        int rc;

        if (en_board_collect(queue->board, slot, &out))
            break;
        rc = en_board_lock(queue->board, false);
        if (rc == 0)
            rc = lead(queue, NULL, NULL);
        if (rc == EBUSY)
            en_board_wait(queue->board, slot, looked);
        else if (rc != 0 && en_board_withdraw(queue->board, slot))
            return rc;
    }
    result->status = out.status;
    memcpy(result->id, out.id, sizeof(result->id));
    return out.status;
}

int en_queue_run(struct en_queue *queue, const struct en_op *op, struct en_op_result *result)
{
    int slot;
    int rc;

    if (!en_env_is_usable(queue->env))
        return ENOKI_ECLOSED;
    rc = en_board_lock(queue->board, false);
    if (rc == EBUSY) {
        slot = en_board_post(queue->board, op);
        if (slot >= 0)
            return follow(queue, slot, result);
        rc = en_board_lock(queue->board, true);
    }
    if (rc == 0)
        rc = lead(queue, op, result);
    return rc != 0 ? rc : result->status;
}
