#include "dispatcher.h"

#include "crew.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Two threads wait even on one core: while one blocks, before the monitor sees it, there is another
 * one. */
#define SLOTS_MIN 2u
/* At the end: how often to look whether a thread still runs user code. */
#define STOP_LOOK_NS 10000000
#define NS_PER_SECOND 1000000000

static size_t count_slots(uint32_t workers_max)
{
    cpu_set_t cores;
    size_t slots = SLOTS_MIN;

    if (sched_getaffinity(0, sizeof(cores), &cores) == 0 && (size_t)CPU_COUNT(&cores) > slots)
        slots = (size_t)CPU_COUNT(&cores);
    if (slots > workers_max)
        slots = workers_max;
    return slots > GATE_SLOTS_MAX ? GATE_SLOTS_MAX : slots;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static void free_crew(struct crew *crew)
{
    for (size_t i = 0; i < crew->member_count; i++)
        gate_member_fini(&crew->members[i].gate);
    free(crew->members);
    queue_fini(&crew->queue);
    close_fd(crew->epoll_fd);
    close_fd(crew->queue_fd);
    close_fd(crew->stop_fd);
    close_fd(crew->wake_fd);
    (void)pthread_cond_destroy(&crew->changed);
    gate_fini(&crew->gate);
    free(crew);
}

static void *new_aligned(size_t count, size_t size)
{
    void *memory;
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    memory = aligned_alloc(GATE_CACHE_LINE, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

static int init_threads(struct crew *crew)
{
    size_t count = crew->max + (size_t)crew->limits->max_abandoned;
    pthread_condattr_t attributes;
    int rc = pthread_condattr_init(&attributes);

    if (rc == 0)
        rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (rc == 0)
        rc = pthread_cond_init(&crew->changed, &attributes);
    if (rc == 0)
        rc = gate_init(&crew->gate, count_slots(crew->max));
    crew->members = new_aligned(count, sizeof(struct member));
    if (crew->members == NULL || rc != 0)
        return ENOKI_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct member *member = &crew->members[i];

        if (gate_member_init(&member->gate) != 0)
            return ENOKI_ENOMEM;
        member->crew = crew;
        member->index = (uint32_t)i;
        crew->member_count++;
    }
    return 0;
}

static bool watch(const struct crew *crew, int fd, uint32_t events, void *tag)
{
    struct epoll_event event = {.events = events, .data.ptr = tag};

    return fd >= 0 && epoll_ctl(crew->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int open_fds(struct crew *crew, struct enoki_error *err)
{
    crew->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    crew->queue_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    crew->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    crew->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (crew->epoll_fd < 0 || crew->wake_fd < 0 ||
        !watch(crew, crew->queue_fd, EPOLLIN | EPOLLONESHOT, crew_queue_tag(crew)) ||
        !watch(crew, crew->stop_fd, EPOLLIN, crew_stop_tag(crew)))
        return enoki_error_set(err, ENOKI_EIO, "no file descriptors for the threads: %s",
                               strerror(errno));
    return 0;
}

/* Makes the first thread and waits until it has opened its worker. */
static int start_first(struct crew *crew, struct enoki_error *err)
{
    int rc;

    (void)pthread_mutex_lock(&crew->gate.mutex);
    rc = crew_add_thread(crew);
    while (rc == 0 && crew->open_error.status == 0 && crew->members[0].worker == NULL)
        (void)pthread_cond_wait(&crew->changed, &crew->gate.mutex);
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    if (rc != 0)
        return enoki_error_set(err, rc, "no memory for a thread");
    if (crew->open_error.status != 0 && err != NULL)
        *err = crew->open_error;
    return crew->open_error.status;
}

static void stop(void *self);

static int start(void **self_out, struct enoki_server *server, struct enoki_error *err)
{
    const struct enoki_runtime *runtime = enoki_server_runtime(server);
    const struct enoki_function_settings *function = enoki_runtime_function(runtime);
    struct crew *crew;
    int rc = enoki_runtime_load(runtime, err);

    if (rc != 0)
        return rc;
    crew = new_aligned(1, sizeof(*crew));
    if (crew == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    crew->server = server;
    crew->runtime = runtime;
    crew->limits = &function->limits;
    crew->min = function->workers_min;
    crew->max = function->workers_max;
    crew->epoll_fd = crew->queue_fd = crew->stop_fd = crew->wake_fd = -1;
    rc = init_threads(crew);
    if (rc != 0)
        (void)enoki_error_set(err, rc, "out of memory");
    if (rc == 0)
        rc = open_fds(crew, err);
    if (rc == 0)
        rc = start_first(crew, err);
    if (rc == 0) {
        crew->has_monitor = pthread_create(&crew->monitor, NULL, monitor_main, crew) == 0;
        if (!crew->has_monitor)
            rc = enoki_error_set(err, ENOKI_ENOMEM, "no memory for a thread");
    }
    if (rc != 0) {
        stop(crew);
        return rc;
    }
    *self_out = crew;
    return 0;
}

/* With the mutex held. Deadlines are looked at as long as there are connections or calls; the first
 * one after a pause starts that. */
static bool begins_ticking(struct crew *crew)
{
    bool begins = !crew->is_ticking;

    crew->is_ticking = true;
    return begins;
}

static void submit(void *self, struct enoki_invocation *invocation)
{
    struct crew *crew = self;
    static const char no_memory[] = "no memory for this call: try again later\n";
    bool queued, begins;

    (void)pthread_mutex_lock(&crew->gate.mutex);
    queued = queue_push(&crew->queue, invocation);
    if (queued)
        crew_signal(crew->queue_fd);
    begins = begins_ticking(crew);
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    if (begins)
        enoki_server_schedule(crew->server, 0);
    if (!queued)
        enoki_invocation_reply(invocation, 503, no_memory, sizeof(no_memory) - 1);
}

static int take_connection(void *self, struct enoki_connection *connection)
{
    struct crew *crew = self;
    bool begins;

    atomic_fetch_add(&crew->connections, 1);
    if (!watch(crew, enoki_connection_fd(connection), EPOLLIN | EPOLLONESHOT, connection)) {
        atomic_fetch_sub(&crew->connections, 1);
        return ENOKI_EIO;
    }
    (void)pthread_mutex_lock(&crew->gate.mutex);
    begins = begins_ticking(crew);
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    if (begins)
        enoki_server_schedule(crew->server, 0);
    return 0;
}

static int is_idle(void *self)
{
    struct crew *crew = self;
    int idle;

    (void)pthread_mutex_lock(&crew->gate.mutex);
    idle = !crew_has_calls(crew);
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    return idle;
}

/* With the mutex held. Waits for the threads, but for those that run user code, and counts those.
 */
static size_t wait_for_threads(struct crew *crew, bool *unanswered_out)
{
    for (;;) {
        size_t live = 0, stuck = 0;
        struct timespec until;

        *unanswered_out = false;
        for (size_t i = 0; i < crew->member_count; i++) {
            const struct member *member = &crew->members[i];
            uint64_t since;

            if (member->state != MEMBER_LIVE)
                continue;
            live++;
            if (member->worker != NULL && enoki_worker_is_busy(member->worker, &since)) {
                stuck++;
                *unanswered_out = *unanswered_out || !member->is_given_up;
            }
        }
        if (live == stuck)
            return stuck;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += STOP_LOOK_NS;
        if (until.tv_nsec >= NS_PER_SECOND) {
            until.tv_nsec -= NS_PER_SECOND;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&crew->changed, &crew->gate.mutex, &until);
    }
}

static void stop(void *self)
{
    struct crew *crew = self;
    bool unanswered;
    size_t stuck;

    (void)pthread_mutex_lock(&crew->gate.mutex);
    crew->is_stopping = true;
    gate_close(&crew->gate);
    crew_signal(crew->stop_fd);
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    if (crew->has_monitor) {
        crew_signal(crew->wake_fd);
        (void)pthread_join(crew->monitor, NULL);
    }

    (void)pthread_mutex_lock(&crew->gate.mutex);
    stuck = wait_for_threads(crew, &unanswered);
    crew_join_ended(crew);
    (void)pthread_mutex_unlock(&crew->gate.mutex);
    if (stuck > 0) {
        /* A thread that runs user code can neither be ended nor be left without the process that
         * it runs in: nothing may be torn down under it. */
        enoki_runtime_log(crew->runtime, ENOKI_LOG_WARN, "%zu calls did not end: given up", stuck);
        _exit(unanswered ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    free_crew(crew);
}

const struct enoki_dispatcher thread_dispatcher = {
    .size = sizeof(thread_dispatcher),
    .name = "thread",
    .flags = ENOKI_DISPATCHER_SUPERVISED,
    .workers_default = 64,
    .start = start,
    .submit = submit,
    .take_connection = take_connection,
    .tick = crew_tick,
    .is_idle = is_idle,
    .stop = stop,
};
