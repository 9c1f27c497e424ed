/* The parts of runtimes/thread that need no server are compiled into this test. */
#include "../../../runtimes/thread/gate.c"
#include "../../../runtimes/thread/probe.c"
#include "../../../runtimes/thread/queue.c"

#include "check_main.h"
#include "failing_alloc.h"

#include <sched.h>

#define SLOTS 2

struct fixture {
    struct gate gate;
    struct gate_member members[4];
};

static void begin(struct fixture *f)
{
    ck_assert_int_eq(gate_init(&f->gate, SLOTS), 0);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(gate_member_init(&f->members[i]), 0);
    (void)pthread_mutex_lock(&f->gate.mutex);
}

static void end(struct fixture *f)
{
    (void)pthread_mutex_unlock(&f->gate.mutex);
    for (size_t i = 0; i < 4; i++)
        gate_member_fini(&f->members[i]);
    gate_fini(&f->gate);
}

START_TEST(lets_as_many_threads_wait_as_there_are_slots)
{
    struct fixture f;

    begin(&f);
    ck_assert_uint_eq(gate_free_count(&f.gate), SLOTS);
    ck_assert(gate_enter(&f.gate, &f.members[0], false));
    ck_assert(gate_enter(&f.gate, &f.members[1], false));
    ck_assert(!gate_enter(&f.gate, &f.members[2], false));
    /* Who has a slot keeps it. */
    ck_assert(gate_enter(&f.gate, &f.members[0], false));
    ck_assert_uint_eq(gate_free_count(&f.gate), 0);
    gate_leave(&f.gate, &f.members[1]);
    ck_assert(!gate_has_slot(&f.members[1]));
    ck_assert(gate_enter(&f.gate, &f.members[2], false));
    end(&f);
}
END_TEST

START_TEST(knows_whether_somebody_waits_for_work)
{
    struct fixture f;

    begin(&f);
    ck_assert(!gate_is_watched(&f.gate));
    ck_assert(gate_enter(&f.gate, &f.members[0], false));
    ck_assert(gate_enter(&f.gate, &f.members[1], false));
    gate_begin_turn(&f.members[0]);
    ck_assert(gate_is_watched(&f.gate));
    gate_begin_turn(&f.members[1]);
    ck_assert(!gate_is_watched(&f.gate));
    gate_end_turn(&f.members[0]);
    ck_assert(gate_is_watched(&f.gate));
    end(&f);
}
END_TEST

START_TEST(a_thread_that_blocked_goes_on_in_place_of_one_that_blocks)
{
    struct fixture f;

    begin(&f);
    ck_assert(gate_enter(&f.gate, &f.members[0], false));
    ck_assert(gate_enter(&f.gate, &f.members[1], false));
    atomic_store(&f.members[1].blocks, true);
    /* It is known to block, but it waits for work now. */
    ck_assert(!gate_enter(&f.gate, &f.members[2], true));
    gate_begin_turn(&f.members[1]);
    /* Who did not block itself has no right to it. */
    ck_assert(!gate_enter(&f.gate, &f.members[2], false));
    ck_assert(gate_enter(&f.gate, &f.members[2], true));
    ck_assert(gate_has_slot(&f.members[2]));
    ck_assert(!gate_has_slot(&f.members[1]));
    ck_assert(gate_has_slot(&f.members[0]));
    end(&f);
}
END_TEST

struct parked {
    pthread_t thread;
    struct gate *gate;
    struct gate_member *member;
    bool result;
};

static void *park(void *context)
{
    struct parked *parked = context;

    (void)pthread_mutex_lock(&parked->gate->mutex);
    parked->result = gate_park(parked->gate, parked->member, NULL);
    (void)pthread_mutex_unlock(&parked->gate->mutex);
    return NULL;
}

/* Comes back, with the mutex held, when the thread is parked. */
static void start_parking(struct parked *parked, struct fixture *f, size_t index)
{
    *parked = (struct parked){.gate = &f->gate, .member = &f->members[index]};
    ck_assert_int_eq(pthread_create(&parked->thread, NULL, park, parked), 0);
    while (f->gate.parked != parked->member) {
        (void)pthread_mutex_unlock(&f->gate.mutex);
        (void)sched_yield();
        (void)pthread_mutex_lock(&f->gate.mutex);
    }
}

static void join_parked(struct parked *parked, struct fixture *f)
{
    (void)pthread_mutex_unlock(&f->gate.mutex);
    ck_assert_int_eq(pthread_join(parked->thread, NULL), 0);
    (void)pthread_mutex_lock(&f->gate.mutex);
}

START_TEST(a_slot_that_is_given_up_lets_the_thread_in_that_parked_last)
{
    struct parked first, second;
    struct fixture f;

    begin(&f);
    ck_assert(gate_enter(&f.gate, &f.members[0], false));
    ck_assert(gate_enter(&f.gate, &f.members[1], false));
    start_parking(&first, &f, 2);
    start_parking(&second, &f, 3);
    gate_leave(&f.gate, &f.members[0]);
    ck_assert(gate_has_slot(&f.members[3]));
    join_parked(&second, &f);
    ck_assert(second.result);
    gate_leave(&f.gate, &f.members[3]);
    join_parked(&first, &f);
    ck_assert(first.result);
    ck_assert(gate_has_slot(&f.members[2]));
    ck_assert_ptr_null(f.gate.parked);
    end(&f);
}
END_TEST

START_TEST(closing_the_gate_brings_parked_threads_back_without_a_slot)
{
    struct parked parked;
    struct fixture f;

    begin(&f);
    ck_assert(gate_enter(&f.gate, &f.members[0], false));
    ck_assert(gate_enter(&f.gate, &f.members[1], false));
    start_parking(&parked, &f, 2);
    gate_close(&f.gate);
    join_parked(&parked, &f);
    ck_assert(!parked.result);
    ck_assert_ptr_null(f.gate.parked);
    end(&f);
}
END_TEST

START_TEST(a_parked_thread_comes_back_when_its_time_is_up)
{
    const struct timespec past = {0, 0};
    struct fixture f;

    begin(&f);
    ck_assert(!gate_park(&f.gate, &f.members[0], &past));
    ck_assert_ptr_null(f.gate.parked);
    end(&f);
}
END_TEST

struct busy {
    pthread_barrier_t started;
    pthread_mutex_t mutex;
    atomic_bool stop;
    _Atomic pid_t tid;
};

static void *compute(void *context)
{
    struct busy *busy = context;

    atomic_store(&busy->tid, gettid());
    (void)pthread_barrier_wait(&busy->started);
    while (!atomic_load(&busy->stop))
        ;
    return NULL;
}

static void *block(void *context)
{
    struct busy *busy = context;

    atomic_store(&busy->tid, gettid());
    (void)pthread_barrier_wait(&busy->started);
    (void)pthread_mutex_lock(&busy->mutex);
    (void)pthread_mutex_unlock(&busy->mutex);
    return NULL;
}

static void begin_busy(struct busy *busy, pthread_t *thread, void *(*run)(void *))
{
    ck_assert_int_eq(pthread_barrier_init(&busy->started, NULL, 2), 0);
    ck_assert_int_eq(pthread_mutex_init(&busy->mutex, NULL), 0);
    (void)pthread_mutex_lock(&busy->mutex);
    atomic_init(&busy->stop, false);
    ck_assert_int_eq(pthread_create(thread, NULL, run, busy), 0);
    (void)pthread_barrier_wait(&busy->started);
}

static void end_busy(struct busy *busy, pthread_t thread)
{
    atomic_store(&busy->stop, true);
    (void)pthread_mutex_unlock(&busy->mutex);
    (void)pthread_join(thread, NULL);
    (void)pthread_barrier_destroy(&busy->started);
    (void)pthread_mutex_destroy(&busy->mutex);
}

START_TEST(a_thread_that_computes_is_not_taken_for_blocked)
{
    struct probe probe = {0};
    struct busy busy;
    pthread_t thread;

    begin_busy(&busy, &thread, compute);
    ck_assert_int_eq(probe_look(&probe, thread, busy.tid, 1, 1000000000u), PROBE_NEW_TURN);
    /* Far more time has passed than it can have computed: it has not, but it wants to. */
    for (uint64_t i = 2; i < 50; i++)
        ck_assert_int_eq(probe_look(&probe, thread, busy.tid, 1, i * 1000000000u), PROBE_COMPUTING);
    end_busy(&busy, thread);
}
END_TEST

START_TEST(a_thread_that_hardly_computes_is_seen_waiting_from_turn_to_turn)
{
    struct probe probe = {0};
    struct busy busy;
    pthread_t thread;
    uint64_t now = 1000000000;
    unsigned turn = 1;
    int looks = 0;

    begin_busy(&busy, &thread, block);
    ck_assert_int_eq(probe_look(&probe, thread, busy.tid, turn, now), PROBE_NEW_TURN);
    while (probe_look(&probe, thread, busy.tid, turn += 2, now += 5000000u) != PROBE_WAITING) {
        (void)sched_yield();
        ck_assert_int_lt(++looks, 10000000);
    }
    /* What it did long ago says nothing. */
    ck_assert_int_eq(probe_look(&probe, thread, busy.tid, turn + 2, now + 1000000000u),
                     PROBE_NEW_TURN);
    end_busy(&busy, thread);
}
END_TEST

START_TEST(a_thread_that_waits_for_something_is_seen_as_blocked)
{
    struct probe probe = {0};
    struct busy busy;
    pthread_t thread;
    uint64_t now = 1000000000;
    int looks = 0;

    begin_busy(&busy, &thread, block);
    ck_assert_int_eq(probe_look(&probe, thread, busy.tid, 1, now), PROBE_NEW_TURN);
    while (probe_look(&probe, thread, busy.tid, 1, now += 1000000000u) != PROBE_BLOCKED) {
        (void)sched_yield(); /* it is on its way there */
        ck_assert_int_lt(++looks, 10000000);
    }
    end_busy(&busy, thread);
}
END_TEST

START_TEST(invocations_come_out_of_the_queue_as_they_went_in)
{
    struct queue queue = {0};
    char marks[100];
    size_t in = 0, out = 0;

    ck_assert_ptr_null(queue_pop(&queue));
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 10; i++)
            ck_assert(queue_push(&queue, (struct enoki_invocation *)&marks[in++]));
        for (int i = 0; i < 5; i++)
            ck_assert_ptr_eq(queue_pop(&queue), (struct enoki_invocation *)&marks[out++]);
    }
    while (out < in)
        ck_assert_ptr_eq(queue_pop(&queue), (struct enoki_invocation *)&marks[out++]);
    ck_assert_ptr_null(queue_pop(&queue));
    queue_fini(&queue);
}
END_TEST

START_TEST(a_queue_without_memory_keeps_what_it_has)
{
    struct queue queue = {0};
    char marks[17];
    size_t count = 0;

    for (; count < 16; count++)
        ck_assert(queue_push(&queue, (struct enoki_invocation *)&marks[count]));
    failing_alloc_arm(1);
    ck_assert(!queue_push(&queue, (struct enoki_invocation *)&marks[16]));
    ck_assert(failing_alloc_disarm());
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_eq(queue_pop(&queue), (struct enoki_invocation *)&marks[i]);
    queue_fini(&queue);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        lets_as_many_threads_wait_as_there_are_slots,
        knows_whether_somebody_waits_for_work,
        a_thread_that_blocked_goes_on_in_place_of_one_that_blocks,
        a_slot_that_is_given_up_lets_the_thread_in_that_parked_last,
        closing_the_gate_brings_parked_threads_back_without_a_slot,
        a_parked_thread_comes_back_when_its_time_is_up,
        a_thread_that_computes_is_not_taken_for_blocked,
        a_thread_that_hardly_computes_is_seen_waiting_from_turn_to_turn,
        a_thread_that_waits_for_something_is_seen_as_blocked,
        invocations_come_out_of_the_queue_as_they_went_in,
        a_queue_without_memory_keeps_what_it_has,
    };

    return check_main("thread.gate", tests, sizeof(tests) / sizeof(tests[0]));
}
