#include "probe.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What another turn did longer ago says nothing about this one. */
#define RECENT_NS 10000000u

static uint64_t cpu_ns(pthread_t thread)
{
    struct timespec used;
    clockid_t clock;

    if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* A thread that wants a processor and does not get one looks idle by its clock: only the kernel
 * knows. False where there is no /proc. */
static bool is_runnable(pid_t tid)
{
    char path[64], stat[256];
    const char *state;
    ssize_t len;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    len = read(fd, stat, sizeof(stat) - 1);
    (void)close(fd);
    stat[len > 0 ? len : 0] = '\0';
    state = strrchr(stat, ')'); /* the name before it may hold anything */
    return state != NULL && strncmp(state, ") R", 3) == 0;
}

enum probe_result probe_look(struct probe *probe, pthread_t thread, pid_t tid, unsigned turn,
                             uint64_t now_ns)
{
    const struct probe last = *probe;

    *probe = (struct probe){.turn = turn, .at_ns = now_ns, .cpu_ns = cpu_ns(thread)};
    if (turn != last.turn && now_ns - last.at_ns > RECENT_NS)
        return PROBE_NEW_TURN;
    if (probe->cpu_ns - last.cpu_ns >= (now_ns - last.at_ns) / 4 || is_runnable(tid))
        return PROBE_COMPUTING;
    return turn == last.turn ? PROBE_BLOCKED : PROBE_WAITING;
}

long probe_own_waits(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}
