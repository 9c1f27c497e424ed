#include "invoke/pool.h"

#include "invoke/strays.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell_with(const struct en_pool *pool, uint32_t type, uint32_t worker, uint64_t id,
                      uint64_t max_kib)
{
    const struct en_pool_message message = {
        .type = type, .worker = worker, .id = id, .input_len = max_kib};

    /* Without a parent there is nothing left to do. */
    if (en_packet_send(pool->control[1], &message, sizeof(message), NULL, 0) != 0)
        _exit(EXIT_FAILURE);
}

static void tell(const struct en_pool *pool, uint32_t type, uint32_t worker, uint64_t id)
{
    tell_with(pool, type, worker, id, 0);
}

static void tell_failure(const struct en_pool *pool, const char *why)
{
    const struct en_pool_message message = {.type = EN_POOL_FAILED};

    if (en_packet_send(pool->control[1], &message, sizeof(message), why, strlen(why)) != 0)
        _exit(EXIT_FAILURE);
}

#define HELPERS_MAX 64

/* The worker that a pid is, by number. */
struct births {
    pid_t *pids;
    uint32_t count;
    /* What the function started when it was loaded. */
    pid_t helpers[HELPERS_MAX];
    uint32_t helper_count;
};

static bool is_known(void *context, pid_t pid)
{
    const struct births *births = context;

    for (uint32_t i = 0; i < births->count; i++) {
        if (births->pids[i] == pid)
            return true;
    }
    for (uint32_t i = 0; i < births->helper_count; i++) {
        if (births->helpers[i] == pid)
            return true;
    }
    return false;
}

/* Of children that are there before any worker is. */
static bool note_helper(void *context, pid_t pid)
{
    struct births *births = context;

    if (births->helper_count < HELPERS_MAX)
        births->helpers[births->helper_count++] = pid;
    return true;
}

static void bury(const struct en_pool *pool, struct births *births, pid_t pid)
{
    struct rusage usage;
    int status;

    for (uint32_t i = 0; i < births->count; i++) {
        if (births->pids[i] != pid)
            continue;
        /* What it has started ends with it; while it is not buried nobody else has its number. */
        (void)kill(-pid, SIGKILL);
        if (wait4(pid, &status, 0, &usage) != pid)
            return;
        births->pids[i] = 0;
        (void)en_strays_end(is_known, births);
        tell_with(pool, EN_POOL_DIED, i, (uint64_t)(uint32_t)status, (uint64_t)usage.ru_maxrss);
        return;
    }
    (void)waitpid(pid, NULL, 0);
}

static void reap(const struct en_pool *pool, struct births *births)
{
    siginfo_t ended = {.si_pid = 0};

    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid > 0) {
        bury(pool, births, ended.si_pid);
        ended.si_pid = 0;
    }
}

/* True in the worker. */
static bool fork_worker(const struct en_pool *pool, struct births *births, uint32_t worker)
{
    pid_t pid;

    if (worker >= births->count || births->pids[worker] != 0)
        return false;
    pid = fork();
    if (pid == 0)
        return true;
    if (pid < 0) {
        tell_failure(pool, strerror(errno));
        tell(pool, EN_POOL_DIED, worker, 0);
        return false;
    }
    births->pids[worker] = pid;
    tell(pool, EN_POOL_FORKED, worker, (uint64_t)pid);
    return false;
}

static void become_worker(struct en_pool *pool, int signals, const sigset_t *mask, uint32_t worker,
                          pid_t zygote)
{
    int status = EXIT_FAILURE;

    (void)close(signals);
    (void)close(pool->control[1]);
    /* The zygote may have died before it could be told so. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == zygote && setpgid(0, 0) == 0 &&
        sigprocmask(SIG_SETMASK, mask, NULL) == 0)
        status = en_pool_work(pool, worker);
    if (pool->one_call)
        _exit(status);
    exit(status);
}

/* Serves the parent until it is gone. */
static void serve(struct en_pool *pool, struct births *births, int signals, const sigset_t *mask)
{
    struct pollfd fds[2] = {{.fd = pool->control[1], .events = POLLIN},
                            {.fd = signals, .events = POLLIN}};
    struct en_pool_message message;
    struct en_packet packet;
    pid_t zygote = getpid();
    int rc;

    if (en_packet_init(&packet, sizeof(message)) != 0)
        return;
    for (;;) {
        struct signalfd_siginfo info;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            reap(pool, births);
        rc = en_packet_receive(&packet, pool->control[1], 0);
        if (rc < 0)
            break;
        if (rc == 0 || packet.len != sizeof(message))
            continue;
        memcpy(&message, packet.data, sizeof(message));
        if (message.type == EN_POOL_FORK && fork_worker(pool, births, message.worker)) {
            en_packet_fini(&packet);
            free(births->pids);
            become_worker(pool, signals, mask, message.worker, zygote);
        }
    }
    en_packet_fini(&packet);
}

static void do_nothing(int number)
{
    (void)number;
}

/* A signal to the whole group (a terminal's, a service manager's) is the parent's to handle: calls
 * in progress go on. Not by SIG_IGN: programs that a function starts would ignore it too. */
static void leave_signals_to_parent(void)
{
    const struct sigaction nothing = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};

    (void)sigaction(SIGINT, &nothing, NULL);
    (void)sigaction(SIGTERM, &nothing, NULL);
}

void en_pool_zygote(struct en_pool *pool)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct births births = {.count = pool->workers_max};
    sigset_t mask, old;
    int signals;

    (void)close(pool->control[0]);
    (void)close(pool->calls[0]);
    (void)close(pool->results[0]);
    if (pool->door[0] >= 0)
        (void)close(pool->door[0]);
    /* What the front door says is the parent's: user code can neither read nor write there. */
    en_runtime_leave_door(pool->runtime);
    leave_signals_to_parent();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != pool->parent)
        _exit(EXIT_FAILURE);
    en_strays_adopt();
    if (en_trays_fence(&pool->trays) != 0) {
        tell_failure(pool, "the memory for large bodies cannot be closed");
        _exit(EXIT_FAILURE);
    }
    if (en_runtime_load_with(pool->runtime, EN_POOL_DESCRIPTORS + en_pool_numbers(pool), &err) !=
        0) {
        tell_failure(pool, err.message);
        _exit(EXIT_FAILURE);
    }
    births.pids = calloc(births.count, sizeof(*births.pids));
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &mask, &old);
    signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (births.pids == NULL || signals < 0) {
        tell_failure(pool, "no memory or descriptor for the zygote");
        _exit(EXIT_FAILURE);
    }
    (void)en_strays_end(note_helper, &births);
    tell(pool, EN_POOL_LOADED, 0, 0);
    serve(pool, &births, signals, &old);
    free(births.pids);
    exit(EXIT_SUCCESS);
}
