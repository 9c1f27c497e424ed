/*
 * The monitor lets more threads in when those that have a slot are blocked. It sleeps while
 * somebody waits for work; the last one who stops waiting wakes it (crew_check_watch). Then it
 * looks at short intervals, which grow while all turns are short or compute, and goes to sleep
 * again when somebody waits. Elastic crews may have no thread at all: then it waits for the first
 * event itself.
 */
#include "crew.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TICK_MIN_NS 200000u
#define TICK_MAX_NS 1600000u
#define NS_PER_SECOND 1000000000u
/* After so long a sleep what was learnt about the load is old. */
#define MEMORY_NS 10000000u
/* Work waits and nobody has taken any for so long: all threads are taken for good. */
#define SATURATED_NS 10000000u
/* Somebody waited for work at so many looks: it may sleep. */
#define QUIET_LOOKS 2

struct look {
    bool is_watched; /* somebody waits for work */
    bool is_blocked; /* somebody with a slot was blocked */
    bool is_empty;   /* there is no thread */
    uint64_t retry_at_ns;
};

/* How often threads have begun to work. */
struct pulse {
    unsigned turns;
    uint64_t since_ns;
};

static bool work_waits(const struct crew *crew)
{
    struct pollfd ready = {.fd = crew->epoll_fd, .events = POLLIN};

    return poll(&ready, 1, 0) > 0;
}

/*
 * True if the member blocks in its turn: its slot went to somebody else, or is free. With work that
 * waits for nobody, one that is likely to block need not be seen blocking: else short turns, or
 * ones that follow each other faster than the looks, would hide for ever that there are too few
 * threads.
 */
static bool check_holder(struct crew *crew, struct gate_member *holder, bool is_needed,
                         uint64_t now_ns)
{
    /* gate is its first member. */
    struct member *member = (struct member *)holder;
    unsigned turn = atomic_load(&holder->turn);
    pid_t tid = atomic_load(&member->tid);
    enum probe_result result;

    if (tid == 0 || (turn & 1u) == 0)
        return false;
    result = probe_look(&member->probe, member->thread, tid, turn, now_ns);
    if (result == PROBE_COMPUTING)
        return false;
    if (result != PROBE_BLOCKED &&
        !(is_needed && (result == PROBE_WAITING || atomic_load(&holder->blocks))))
        return false;
    gate_leave(&crew->gate, holder);
    return true;
}

/* With the mutex held. Work waits, nobody waits for it, and no more threads may be made: has that
 * been so for long? */
static void check_saturation(struct crew *crew, struct pulse *pulse, uint64_t now_ns)
{
    unsigned turns = 0;

    for (size_t i = 0; i < crew->member_count; i++)
        turns += atomic_load_explicit(&crew->members[i].gate.turn, memory_order_relaxed);
    if (turns != pulse->turns) {
        *pulse = (struct pulse){turns, now_ns};
    } else if (now_ns - pulse->since_ns >= SATURATED_NS) {
        pulse->since_ns = now_ns;
        crew->is_saturated = true;
        enoki_server_schedule(crew->server, 0);
    }
}

static struct look inspect(struct crew *crew, struct pulse *pulse, uint64_t now_ns)
{
    struct look look = {0};
    bool is_needed;

    (void)pthread_mutex_lock(&crew->gate.mutex);
    is_needed = !gate_is_watched(&crew->gate) && work_waits(crew);
    for (size_t i = 0; i < crew->gate.slot_count; i++) {
        struct gate_member *holder = atomic_load(&crew->gate.slots[i]);

        if (holder != NULL)
            look.is_blocked = check_holder(crew, holder, is_needed, now_ns) || look.is_blocked;
    }
    if (!gate_is_watched(&crew->gate) && now_ns >= crew->retry_at_ns && crew->threads < crew->max &&
        gate_free_count(&crew->gate) > 0 && (look.is_blocked || work_waits(crew)) &&
        crew_add_thread(crew) == ENOKI_ENOMEM) {
        crew->retry_at_ns = now_ns + NS_PER_SECOND;
        enoki_runtime_log(crew->runtime, ENOKI_LOG_ERROR, "no memory for another thread: %u serve",
                          (unsigned)crew->threads);
    }
    look.is_watched = gate_is_watched(&crew->gate);
    if (is_needed && !look.is_watched && crew->threads > 0)
        check_saturation(crew, pulse, now_ns);
    else
        pulse->since_ns = now_ns;
    look.is_empty = crew->threads == 0;
    look.retry_at_ns = crew->retry_at_ns;
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    return look;
}

/* Until somebody wakes the monitor, for_ns has passed (0: for ever) or, without_crew, an event
 * comes that there is no thread to take. */
static void wait_for(struct crew *crew, uint64_t for_ns, bool without_crew)
{
    struct timespec timeout = {.tv_sec = (time_t)(for_ns / NS_PER_SECOND),
                               .tv_nsec = (long)(for_ns % NS_PER_SECOND)};
    struct pollfd fds[] = {{.fd = crew->wake_fd, .events = POLLIN},
                           {.fd = crew->epoll_fd, .events = POLLIN}};
    uint64_t count;

    if (ppoll(fds, without_crew ? 2 : 1, for_ns == 0 ? NULL : &timeout, NULL) > 0 &&
        fds[0].revents != 0 && read(crew->wake_fd, &count, sizeof(count)) < 0)
        return; /* somebody else's read was first: there is nobody else */
}

static void sleep_while_watched(struct crew *crew)
{
    atomic_store(&crew->monitor_sleeps, true);
    if (gate_is_watched(&crew->gate))
        wait_for(crew, 0, false);
    atomic_store(&crew->monitor_sleeps, false);
}

static bool is_stopping(struct crew *crew)
{
    bool stopping;

    (void)pthread_mutex_lock(&crew->gate.mutex);
    stopping = crew->is_stopping;
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    return stopping;
}

void *monitor_main(void *context)
{
    struct crew *crew = context;
    uint64_t interval = TICK_MIN_NS;
    struct pulse pulse = {0, 0};
    int quiet = 0;

    (void)prctl(PR_SET_NAME, "monitor");
    (void)prctl(PR_SET_TIMERSLACK, 1000ul);
    while (!is_stopping(crew)) {
        uint64_t now = crew_now_ns();
        struct look look = inspect(crew, &pulse, now);

        quiet = look.is_watched ? quiet + 1 : 0;
        if (look.is_blocked)
            interval = TICK_MIN_NS;
        if (look.is_empty) {
            wait_for(crew, now < look.retry_at_ns ? look.retry_at_ns - now : 0,
                     now >= look.retry_at_ns);
            interval = TICK_MIN_NS;
        } else if (quiet >= QUIET_LOOKS) {
            sleep_while_watched(crew);
            quiet = 0;
            if (crew_now_ns() - now > MEMORY_NS)
                interval = TICK_MIN_NS;
        } else {
            wait_for(crew, interval, false);
            interval = interval * 2 < TICK_MAX_NS ? interval * 2 : TICK_MAX_NS;
        }
    }
    return NULL;
}
