/*
 * What takes too long, on the loop thread: calls past their deadline are given up with their
 * thread, queued ones answered, and connections that no thread gets round to are read by the
 * server.
 */
#include "crew.h"

#include <sys/epoll.h>

/* Connections given to the server at once; the next look is for the others. */
#define RETURN_BATCH 64

void crew_wait_checked(struct member *member)
{
    while (member->is_checked)
        (void)pthread_cond_wait(&member->crew->changed, &member->crew->gate.mutex);
}

/* With the mutex held, which is let go meanwhile: an answer may bring the next call. */
static void give_up(struct member *member, uint64_t now_ms)
{
    struct crew *crew = member->crew;
    struct enoki_worker *worker = member->worker;
    int is_late;

    member->is_checked = true;
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    is_late = enoki_worker_expire(worker, now_ms);
    (void)pthread_mutex_lock(&crew->gate.mutex);
    member->is_checked = false;
    if (is_late != 0) {
        member->is_given_up = true;
        crew->burns = crew->burns || is_late == 2;
        crew->abandoned++;
        crew_discount(member);
        gate_leave(&crew->gate, &member->gate);
        crew_signal(crew->wake_fd);
    }
    (void)pthread_cond_broadcast(&crew->changed);
}

/* With the mutex held. When the first of the calls that run will be late. */
static uint64_t check_members(struct crew *crew, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < crew->member_count; i++) {
        struct member *member = &crew->members[i];

        if (member->worker == NULL || member->is_given_up)
            continue;
        if (enoki_worker_deadline_ms(member->worker) <= now_ms)
            give_up(member, now_ms);
        if (member->worker != NULL && !member->is_given_up &&
            enoki_worker_deadline_ms(member->worker) < next)
            next = enoki_worker_deadline_ms(member->worker);
    }
    return next;
}

/* With the mutex held, which is let go meanwhile. When the first call of the queue will be late. */
static uint64_t check_queue(struct crew *crew, uint64_t now_ms)
{
    static const char text[] = "the call waited too long for a worker\n";
    const struct enoki_invocation *first;

    while ((first = queue_first(&crew->queue)) != NULL) {
        struct enoki_invocation *late;

        if (enoki_invocation_deadline_ms(first) > now_ms)
            return enoki_invocation_deadline_ms(first);
        late = queue_pop(&crew->queue);
        (void)pthread_mutex_unlock(&crew->gate.mutex);
        enoki_invocation_reply(late, 504, text, sizeof(text) - 1);
        (void)pthread_mutex_lock(&crew->gate.mutex);
    }
    return UINT64_MAX;
}

static void return_connections(struct crew *crew)
{
    struct epoll_event events[RETURN_BATCH];
    int count = epoll_wait(crew->epoll_fd, events, RETURN_BATCH, 0);

    for (int i = 0; i < count; i++) {
        void *tag = events[i].data.ptr;

        if (tag == crew_queue_tag(crew)) {
            crew_arm_queue(crew);
        } else if (tag != crew_stop_tag(crew)) {
            int fd = enoki_connection_fd(tag);

            (void)epoll_ctl(crew->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
            atomic_fetch_sub(&crew->connections, 1);
            enoki_server_return_connection(crew->server, tag);
        }
    }
}

static void retire_if_worn(struct crew *crew)
{
    if (crew->is_retired || (!crew->burns && crew->abandoned < crew->limits->max_abandoned))
        return;
    crew->is_retired = true;
    enoki_runtime_log(crew->runtime, ENOKI_LOG_WARN,
                      "%u threads were given up and still run: this process is replaced",
                      (unsigned)crew->abandoned);
    enoki_server_retire(crew->server);
}

/*
 * A call that starts after this look is late one timeout (or so much CPU time) from now at the
 * earliest, so that to look
 * again then, or at the earliest deadline of now, is exact: one wake-up per timeout under load,
 * none without connections, and nothing per call.
 */
uint64_t crew_tick(void *self, uint64_t now_ms)
{
    struct crew *crew = self;
    uint64_t cpu_ms = crew->limits->cpu_time_ms;
    uint64_t next = now_ms + (cpu_ms != 0 && cpu_ms < crew->limits->call_timeout_ms
                                  ? cpu_ms
                                  : crew->limits->call_timeout_ms);
    uint64_t running, queued;
    bool is_saturated;

    (void)pthread_mutex_lock(&crew->gate.mutex);
    running = check_members(crew, now_ms);
    queued = check_queue(crew, now_ms);
    retire_if_worn(crew);
    /* One that is off the queue and has not begun has no deadline yet: it is looked at again. */
    if (running == UINT64_MAX && !crew_has_calls(crew) && atomic_load(&crew->connections) == 0) {
        next = UINT64_MAX;
        crew->is_ticking = false;
    }
    is_saturated = crew->is_saturated;
    crew->is_saturated = false;
    (void)pthread_mutex_unlock(&crew->gate.mutex);

    if (is_saturated)
        return_connections(crew);
    next = running < next ? running : next;
    next = queued < next ? queued : next;
    return next > now_ms ? next : now_ms + 1;
}
