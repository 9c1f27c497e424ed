#include "gate.h"

int gate_init(struct gate *gate, size_t slot_count)
{
    int rc = pthread_mutex_init(&gate->mutex, NULL);

    if (rc != 0)
        return rc;
    gate->slot_count = slot_count;
    gate->is_closed = false;
    gate->parked = NULL;
    for (size_t i = 0; i < GATE_SLOTS_MAX; i++)
        atomic_init(&gate->slots[i], NULL);
    return 0;
}

void gate_fini(struct gate *gate)
{
    (void)pthread_mutex_destroy(&gate->mutex);
}

int gate_member_init(struct gate_member *member)
{
    pthread_condattr_t attributes;
    int rc = pthread_condattr_init(&attributes);

    if (rc != 0)
        return rc;
    rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (rc == 0)
        rc = pthread_cond_init(&member->released, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    atomic_init(&member->turn, 0);
    atomic_init(&member->has_slot, false);
    atomic_init(&member->blocks, false);
    member->next_parked = NULL;
    return rc;
}

void gate_member_fini(struct gate_member *member)
{
    (void)pthread_cond_destroy(&member->released);
}

static void assign(struct gate *gate, size_t slot, struct gate_member *member)
{
    member->slot = slot;
    atomic_store_explicit(&member->has_slot, true, memory_order_relaxed);
    atomic_store(&gate->slots[slot], member);
}

static bool is_for_taking(const struct gate_member *holder, bool blocked)
{
    if (holder == NULL)
        return true;
    return blocked && gate_in_turn(holder) &&
           atomic_load_explicit(&holder->blocks, memory_order_relaxed);
}

bool gate_enter(struct gate *gate, struct gate_member *member, bool blocked)
{
    size_t found = gate->slot_count;

    if (gate_has_slot(member))
        return true;
    for (size_t i = 0; i < gate->slot_count; i++) {
        struct gate_member *holder = atomic_load(&gate->slots[i]);

        if (is_for_taking(holder, blocked))
            found = i;
        if (holder == NULL)
            break;
    }
    if (found == gate->slot_count)
        return false;
    if (atomic_load(&gate->slots[found]) != NULL)
        atomic_store_explicit(&atomic_load(&gate->slots[found])->has_slot, false,
                              memory_order_relaxed);
    assign(gate, found, member);
    return true;
}

static void unpark(struct gate *gate, const struct gate_member *member)
{
    struct gate_member **link = &gate->parked;

    while (*link != NULL && *link != member)
        link = &(*link)->next_parked;
    if (*link != NULL)
        *link = member->next_parked;
}

bool gate_park(struct gate *gate, struct gate_member *member, const struct timespec *until)
{
    int rc = 0;

    member->next_parked = gate->parked;
    gate->parked = member;
    while (!gate->is_closed && !gate_has_slot(member) && rc == 0) {
        if (until == NULL)
            rc = pthread_cond_wait(&member->released, &gate->mutex);
        else
            rc = pthread_cond_timedwait(&member->released, &gate->mutex, until);
    }
    if (gate_has_slot(member))
        return true; /* whoever gave it took the member off the list */
    unpark(gate, member);
    return false;
}

void gate_leave(struct gate *gate, struct gate_member *member)
{
    struct gate_member *next = gate->parked;

    if (!gate_has_slot(member))
        return;
    atomic_store_explicit(&member->has_slot, false, memory_order_relaxed);
    if (next == NULL) {
        atomic_store(&gate->slots[member->slot], NULL);
        return;
    }
    gate->parked = next->next_parked;
    assign(gate, member->slot, next);
    (void)pthread_cond_signal(&next->released);
}

size_t gate_free_count(const struct gate *gate)
{
    size_t count = 0;

    for (size_t i = 0; i < gate->slot_count; i++)
        count += atomic_load(&gate->slots[i]) == NULL;
    return count;
}

void gate_close(struct gate *gate)
{
    gate->is_closed = true;
    for (struct gate_member *m = gate->parked; m != NULL; m = m->next_parked)
        (void)pthread_cond_signal(&m->released);
}

void gate_begin_turn(struct gate_member *member)
{
    /* Sequentially consistent: who goes to sleep because somebody waits, and who is the last one
     * to stop waiting, must not miss each other. */
    atomic_store(&member->turn, atomic_load_explicit(&member->turn, memory_order_relaxed) + 1);
}

void gate_end_turn(struct gate_member *member)
{
    atomic_store_explicit(&member->turn,
                          atomic_load_explicit(&member->turn, memory_order_relaxed) + 1,
                          memory_order_release);
}

bool gate_is_watched(const struct gate *gate)
{
    for (size_t i = 0; i < gate->slot_count; i++) {
        const struct gate_member *holder = atomic_load(&gate->slots[i]);

        if (holder != NULL && !gate_in_turn(holder))
            return true;
    }
    return false;
}
