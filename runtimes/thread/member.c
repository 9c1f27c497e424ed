#include "crew.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000u
#define NS_PER_MS 1000000u

static bool is_elastic(const struct crew *crew)
{
    return crew->min < crew->max;
}

static int idle_ms(const struct crew *crew)
{
    return crew->limits->worker_idle_ms > INT_MAX ? INT_MAX : (int)crew->limits->worker_idle_ms;
}

static void lock(struct crew *crew)
{
    (void)pthread_mutex_lock(&crew->gate.mutex);
}

static void unlock(struct crew *crew)
{
    (void)pthread_mutex_unlock(&crew->gate.mutex);
}

/* With the mutex held. True if there are more threads than have to stay: this one ends. */
static bool end_if_spare(struct member *member)
{
    if (member->crew->threads <= member->crew->min)
        return false;
    crew_discount(member);
    return true;
}

static bool open_worker(struct member *member)
{
    struct crew *crew = member->crew;
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_worker *worker = NULL;
    int rc = enoki_worker_open(&worker, crew->server, member->index, &err);

    lock(crew);
    member->worker = worker;
    if (rc != 0) {
        crew->open_error = err;
        crew->retry_at_ns = crew_now_ns() + NS_PER_SECOND;
        enoki_runtime_log(crew->runtime, ENOKI_LOG_ERROR, "worker %u cannot be opened: %s",
                          (unsigned)member->index, err.message);
    }
    (void)pthread_cond_broadcast(&crew->changed);
    unlock(crew);
    return rc == 0;
}

/* Waits for a slot. False: the thread is not needed any more. */
static bool wait_for_slot(struct member *member, bool blocked)
{
    struct crew *crew = member->crew;
    bool has_slot;

    if (gate_has_slot(&member->gate))
        return true;
    lock(crew);
    has_slot = gate_enter(&crew->gate, &member->gate, blocked);
    while (!has_slot && !crew->is_stopping) {
        uint64_t until_ns = crew_now_ns() + (uint64_t)idle_ms(crew) * NS_PER_MS;
        struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_SECOND),
                                 .tv_nsec = (long)(until_ns % NS_PER_SECOND)};

        has_slot = gate_park(&crew->gate, &member->gate, is_elastic(crew) ? &until : NULL);
        if (!has_slot && end_if_spare(member))
            break;
    }
    unlock(crew);
    return has_slot;
}

/* False: the thread is not needed any more. */
static bool wait_for_event(struct member *member, struct epoll_event *event)
{
    struct crew *crew = member->crew;
    int timeout = is_elastic(crew) ? idle_ms(crew) : -1;

    for (;;) {
        int count = epoll_wait(crew->epoll_fd, event, 1, timeout);

        if (count > 0)
            return true;
        if (count == 0) {
            bool ends;

            lock(crew);
            ends = end_if_spare(member);
            unlock(crew);
            if (ends)
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
}

/* From here on the connection may be another thread's, or gone. */
static void arm(const struct crew *crew, struct enoki_connection *connection, int fd,
                uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = connection};

    /* Cannot fail: it is in the set, and changing it needs no memory. The next owner may close the
     * socket before this call is back, which the kernel allows and ThreadSanitizer, seeing
     * epoll_ctl(), takes for a race. */
    (void)syscall(SYS_epoll_ctl, crew->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

/* False: the call was given up, and this thread with it. */
static bool serve(struct member *member, struct enoki_connection *connection)
{
    struct crew *crew = member->crew;
    int fd = enoki_connection_fd(connection);

    switch (enoki_worker_serve(member->worker, connection)) {
    case ENOKI_WANT_READ:
        arm(crew, connection, fd, EPOLLIN);
        return true;
    case ENOKI_WANT_WRITE:
        arm(crew, connection, fd, EPOLLOUT);
        return true;
    case ENOKI_WANT_CLOSE:
        atomic_fetch_sub(&crew->connections, 1);
        return true;
    default:
        atomic_fetch_sub(&crew->connections, 1);
        return false;
    }
}

static bool run_queued(struct member *member)
{
    struct crew *crew = member->crew;
    struct enoki_invocation *invocation;
    uint64_t one;
    bool is_ours;

    lock(crew);
    /* The tick may have taken one that waited too long: then the queue is shorter. */
    if (read(crew->queue_fd, &one, sizeof(one)) < 0)
        one = 0;
    invocation = queue_pop(&crew->queue);
    member->in_invocation = invocation != NULL;
    unlock(crew);
    /* Before the call: somebody else may take the next one. */
    crew_arm_queue(crew);
    if (invocation == NULL)
        return true;

    enoki_invocation_run(invocation, member->worker);

    lock(crew);
    crew_wait_checked(member);
    member->in_invocation = false;
    is_ours = !member->is_given_up;
    unlock(crew);
    if (is_ours && enoki_server_is_draining(crew->server))
        enoki_server_schedule(crew->server, 0); /* it looks again whether all is done */
    return is_ours;
}

/* One event. *blocked_out: its work waited for something else than the processor. False: the
 * thread ends. */
static bool take_turn(struct member *member, struct epoll_event *event, bool *blocked_out)
{
    struct crew *crew = member->crew;
    bool suspect = atomic_load_explicit(&member->gate.blocks, memory_order_relaxed);
    long waits = 0;
    bool goes_on;

    if (event->data.ptr == crew_stop_tag(crew))
        return false;
    gate_begin_turn(&member->gate);
    if (atomic_load_explicit(&crew->monitor_sleeps, memory_order_seq_cst))
        crew_check_watch(crew);
    if (suspect)
        waits = probe_own_waits();
    if (event->data.ptr == crew_queue_tag(crew))
        goes_on = run_queued(member);
    else
        goes_on = serve(member, event->data.ptr);
    /* Who lost its slot was seen blocking; who blocked the last time is measured. */
    *blocked_out = suspect ? probe_own_waits() != waits : !gate_has_slot(&member->gate);
    if (*blocked_out != suspect)
        atomic_store_explicit(&member->gate.blocks, *blocked_out, memory_order_relaxed);
    if (goes_on)
        gate_end_turn(&member->gate);
    return goes_on;
}

void *member_main(void *context)
{
    struct member *member = context;
    struct crew *crew = member->crew;
    struct enoki_worker *worker;
    struct epoll_event event;
    bool blocked = false;
    char name[16];

    (void)snprintf(name, sizeof(name), "worker-%u", (unsigned)member->index);
    (void)prctl(PR_SET_NAME, name);
    atomic_store(&member->tid, gettid());
    if (open_worker(member)) {
        gate_end_turn(&member->gate);
        while (wait_for_slot(member, blocked) && wait_for_event(member, &event) &&
               take_turn(member, &event, &blocked))
            ;
    }

    lock(crew);
    crew_wait_checked(member);
    worker = member->worker;
    member->worker = NULL;
    /* Closing the function's instance may take its time: not as somebody who waits for work. */
    if (!gate_in_turn(&member->gate))
        gate_begin_turn(&member->gate);
    gate_leave(&crew->gate, &member->gate);
    unlock(crew);
    enoki_worker_free(worker);
    lock(crew);
    crew_end_thread(member);
    unlock(crew);
    return NULL;
}
