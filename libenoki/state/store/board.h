/*
 * board.h - the shared memory of a group commit: slots in which writers of all processes post their
 * operations, and the lock of the one that runs them.
 *
 * A slot goes FREE -> CLAIMED (its owner fills it) -> POSTED -> TAKEN (the leader runs it) -> DONE
 * (the result is in it) -> FREE. State, ticket and owner are one word, so that a slot whose owner
 * died can be freed without ever hitting its next owner.
 *
 * User code shares the address space of every writer: what is in a slot is foreign data.
 *
 * Threads  any thread; a slot's content belongs to its owner while CLAIMED and DONE, to the leader
 *          while POSTED and TAKEN.
 * Fork     after. Owners are process ids: all users of a store must share one pid namespace.
 */
#ifndef EN_BOARD_H
#define EN_BOARD_H

#include "state/store/folder.h"
#include "state/store/gate.h"
#include "state/store/packed.h"

#define EN_BOARD_SLOTS 64u
#define EN_BOARD_FILE "queue"

enum en_slot_state {
    EN_SLOT_FREE = 0,
    EN_SLOT_CLAIMED = 1,
    EN_SLOT_POSTED = 2,
    EN_SLOT_TAKEN = 3,
    EN_SLOT_DONE = 4,
};

struct en_board;

/* What comes out of a slot. */
struct en_slot_result {
    int status; /* of env.h, or of the operation */
    char id[ENOKI_APPEND_ID_BYTES];
};

/* Maps the folder's board; a fresh one if nobody else uses the folder. With the folder locked.
 *
 * ENOKI_EFORMAT  users of another version have it open */
ENOKI_MUST_CHECK int en_board_open(struct en_board **out, const struct en_folder *folder,
                                   struct enoki_error *err);
/* NULL is allowed. */
void en_board_close(struct en_board *board);

/* Who writes to LMDB holds it; borrowed until close. */
struct en_gate *en_board_gate(struct en_board *board);

/* The leader's lock; it is taken over from a leader that died. 0, or EBUSY if it is not free and
 * wait is false, or another errno. */
ENOKI_MUST_CHECK int en_board_lock(struct en_board *board, bool wait);
void en_board_unlock(struct en_board *board);

/* Owner: posts an operation; the slot, or -1 if it does not fit or no slot is free. */
int en_board_post(struct en_board *board, const struct en_op *op);
/* Owner: true if the slot is done; the result is in *out and the slot is free again. */
bool en_board_collect(struct en_board *board, int slot, struct en_slot_result *out);
/* Owner: takes a posted operation back; false if a leader has it, or had it, already. */
bool en_board_withdraw(struct en_board *board, int slot);
/* Owner: what the slot looks like now, and sleeping until it looks different, or the leader may
 * have died. */
uint64_t en_board_look(const struct en_board *board, int slot);
void en_board_wait(struct en_board *board, int slot, uint64_t looked);

/* Leader: the state of a slot. */
enum en_slot_state en_board_state(const struct en_board *board, unsigned slot);
/* Leader: POSTED -> TAKEN; false if it is not POSTED. */
bool en_board_take(struct en_board *board, unsigned slot);
/* Leader: TAKEN -> POSTED, after a leader that died before it committed. */
void en_board_put_back(struct en_board *board, unsigned slot);
/* Leader: copies the operation of a taken slot; its length. */
size_t en_board_copy(const struct en_board *board, unsigned slot,
                     unsigned char bytes[EN_PACKED_BYTES]);
/* Leader: the number of the batch that commits the slot, kept with its result until it is done. */
void en_board_set_batch(struct en_board *board, unsigned slot, uint64_t batch,
                        const struct en_slot_result *result);
/* What it belongs to is committed by no batch so far, whatever is. */
void en_board_forget_batch(struct en_board *board, unsigned slot);
uint64_t en_board_batch(const struct en_board *board, unsigned slot);
/* Leader: TAKEN -> DONE, and wakes the owner. */
void en_board_finish(struct en_board *board, unsigned slot);
void en_board_set_status(struct en_board *board, unsigned slot, int status);
/* After unlocking: makes one owner of a POSTED slot, if there is one, try to lead. */
void en_board_wake_next(struct en_board *board);

#endif
