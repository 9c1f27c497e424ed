/*
 * gate.h - who of many threads may wait for work: as many as there are slots, the others are
 * parked.
 *
 *   while (gate_enter(gate, self, blocked) || gate_park(gate, self, NULL)) {
 *       wait for work;
 *       gate_begin_turn(self);  do it;  gate_end_turn(self);
 *   }
 *   gate_leave(gate, self);
 *
 * A thread keeps its slot from turn to turn without touching anything shared. Somebody else takes
 * the slot of a thread that blocks in its turn (gate_leave) and so lets a parked one in; the thread
 * notices when it comes back. A thread whose own turns block may take the slot of another one that
 * is known to block and is in its turn: then nobody has to watch a function that always blocks, and
 * one that never blocks runs on as many threads as there are slots.
 *
 * Threads  gate_begin_turn, gate_end_turn, gate_has_slot: the member's own thread. gate_is_watched:
 *          any thread. All others: with gate->mutex held.
 */
#ifndef THREAD_GATE_H
#define THREAD_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define GATE_SLOTS_MAX 256u
#define GATE_CACHE_LINE 64u

struct gate_member {
    /* Written by its thread every turn: on a cache line of its own. */
    _Alignas(GATE_CACHE_LINE) _Atomic unsigned turn; /* odd while it has one */
    _Atomic bool has_slot;
    _Atomic bool blocks; /* its last turn waited for something else than the processor */
    /* Protected by the gate's mutex: */
    size_t slot;
    struct gate_member *next_parked;
    pthread_cond_t released;
};

struct gate {
    pthread_mutex_t mutex;
    size_t slot_count;
    bool is_closed;
    struct gate_member *parked; /* last in, first out: caches are warm */
    struct gate_member
        *_Atomic slots[GATE_SLOTS_MAX]; /* who may wait for work; written with mutex */
};

/* 0 or an errno. slot_count is 1 to GATE_SLOTS_MAX. */
int gate_init(struct gate *gate, size_t slot_count);
/* Nobody is parked. */
void gate_fini(struct gate *gate);

int gate_member_init(struct gate_member *member);
void gate_member_fini(struct gate_member *member);

/* True if the member may wait for work: it has a slot, there is a free one, or it blocked in its
 * turn and so does somebody who has one. */
bool gate_enter(struct gate *gate, struct gate_member *member, bool blocked);

/* Waits for a slot; true with one. False when until (CLOCK_MONOTONIC; NULL: never) has come or the
 * gate is closed. */
bool gate_park(struct gate *gate, struct gate_member *member, const struct timespec *until);

/* Takes the member's slot, if it has one, for a parked member, if there is one. */
void gate_leave(struct gate *gate, struct gate_member *member);

/* The number of slots that nobody has. */
size_t gate_free_count(const struct gate *gate);

/* Nobody parks any more; who is parked comes back. */
void gate_close(struct gate *gate);

/* The turn is visible to gate_is_watched() of other threads when this returns. */
void gate_begin_turn(struct gate_member *member);
void gate_end_turn(struct gate_member *member);

static inline bool gate_has_slot(const struct gate_member *member)
{
    return atomic_load_explicit(&member->has_slot, memory_order_relaxed);
}

static inline bool gate_in_turn(const struct gate_member *member)
{
    return (atomic_load(&member->turn) & 1u) != 0;
}

/* True if somebody waits for work. */
bool gate_is_watched(const struct gate *gate);

#endif
