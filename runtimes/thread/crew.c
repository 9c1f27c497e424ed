#include "crew.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

uint64_t crew_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void crew_join_ended(struct crew *crew)
{
    for (size_t i = 0; i < crew->member_count; i++) {
        struct member *member = &crew->members[i];

        if (member->state != MEMBER_ENDED)
            continue;
        /* It has let the mutex go, or will at once, and does nothing more. */
        (void)pthread_join(member->thread, NULL);
        member->state = MEMBER_NONE;
    }
}

static struct member *free_member(struct crew *crew)
{
    crew_join_ended(crew);
    for (size_t i = 0; i < crew->member_count; i++) {
        if (crew->members[i].state == MEMBER_NONE)
            return &crew->members[i];
    }
    return NULL;
}

int crew_add_thread(struct crew *crew)
{
    struct member *member = free_member(crew);

    if (member == NULL || crew->threads >= crew->max || crew->is_stopping ||
        gate_free_count(&crew->gate) == 0)
        return ENOKI_ELIMIT;
    member->state = MEMBER_LIVE;
    member->is_counted = true;
    member->is_given_up = false;
    member->in_invocation = false;
    member->probe = (struct probe){0};
    atomic_store(&member->tid, 0);
    atomic_store(&member->gate.blocks, false);
    /* Opening the worker is its first turn: it does not wait for work yet. */
    gate_begin_turn(&member->gate);
    (void)gate_enter(&crew->gate, &member->gate, false);
    if (pthread_create(&member->thread, NULL, member_main, member) != 0) {
        gate_leave(&crew->gate, &member->gate);
        gate_end_turn(&member->gate);
        member->state = MEMBER_NONE;
        member->is_counted = false;
        return ENOKI_ENOMEM;
    }
    crew->threads++;
    return 0;
}

void crew_discount(struct member *member)
{
    if (member->is_counted)
        member->crew->threads--;
    member->is_counted = false;
}

void crew_end_thread(struct member *member)
{
    struct crew *crew = member->crew;

    gate_leave(&crew->gate, &member->gate);
    if (gate_in_turn(&member->gate))
        gate_end_turn(&member->gate);
    crew_discount(member);
    if (member->is_given_up)
        crew->abandoned--;
    member->state = MEMBER_ENDED;
    (void)pthread_cond_broadcast(&crew->changed);
    crew_signal(crew->wake_fd);
}

bool crew_has_calls(const struct crew *crew)
{
    for (size_t i = 0; i < crew->member_count; i++) {
        if (crew->members[i].in_invocation && !crew->members[i].is_given_up)
            return true;
    }
    return crew->queue.count > 0;
}

void crew_arm_queue(struct crew *crew)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = crew_queue_tag(crew)};

    (void)epoll_ctl(crew->epoll_fd, EPOLL_CTL_MOD, crew->queue_fd, &event);
}

void crew_signal(int fd)
{
    const uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof(one));

    (void)written; /* can only fail with a full counter, which is a signal too */
}

void crew_check_watch(struct crew *crew)
{
    if (atomic_load(&crew->monitor_sleeps) && !gate_is_watched(&crew->gate) &&
        atomic_exchange(&crew->monitor_sleeps, false))
        crew_signal(crew->wake_fd);
}
