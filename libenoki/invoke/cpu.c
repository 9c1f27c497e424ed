#include "invoke/cpu.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* So many descendants are looked at: a look must not take longer than what it measures. */
#define PROCESSES_MAX 32
#define THREADS_MAX 64 /* of each */
#define NS_PER_SECOND 1000000000u
/* Fields of /proc/PID/stat behind the name: user and system time, its own and of its children. */
#define FIRST_TIME 11
#define TIMES 4

static bool read_text(const char *format, pid_t pid, pid_t thread, char *out, size_t size)
{
    char path[64];
    ssize_t len;
    int fd;

    (void)snprintf(path, sizeof(path), format, (int)pid, (int)thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0)
        (void)close(fd);
    out[len < 0 ? 0 : len] = '\0';
    return len > 0;
}

/* In clock ticks: times from..TIMES of the process. */
static uint64_t read_ticks(pid_t pid, int from)
{
    char text[1024];
    uint64_t ticks = 0;
    char *at;

    if (!read_text("/proc/%d/stat", pid, 0, text, sizeof(text)))
        return 0;
    at = strrchr(text, ')'); /* a name may have spaces */
    for (int i = 0; at != NULL && i < FIRST_TIME + TIMES + 1; i++) {
        at = strchr(at + 1, ' ');
        if (at != NULL && i >= FIRST_TIME + from && i < FIRST_TIME + TIMES)
            ticks += strtoull(at, NULL, 10);
    }
    return ticks;
}

/* Appends the children of one of its threads. */
static int add_children_of(pid_t pid, pid_t thread, pid_t *pids, int count)
{
    char text[1024];

    if (!read_text("/proc/%d/task/%d/children", pid, thread, text, sizeof(text)))
        return count;
    for (char *at = text, *end; count < PROCESSES_MAX && (end = strchr(at, ' ')) != NULL;
         at = end + 1)
        pids[count++] = (pid_t)strtol(at, NULL, 10);
    return count;
}

/* The program of a host of another language is a child of a thread that is not the first. */
static int add_children(pid_t pid, pid_t *pids, int count)
{
    char path[64];
    DIR *threads;
    const struct dirent *entry;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    threads = opendir(path);
    if (threads == NULL)
        return count;
    for (int i = 0; i < THREADS_MAX && (entry = readdir(threads)) != NULL;) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

        if (thread <= 0)
            continue; /* "." and ".." */
        count = add_children_of(pid, thread, pids, count);
        i++;
    }
    (void)closedir(threads);
    return count;
}

/* Its own precisely, those of others in ticks. */
uint64_t en_cpu_time(pid_t pid)
{
    pid_t pids[PROCESSES_MAX] = {pid};
    struct timespec own;
    uint64_t ticks;
    clockid_t clock;
    int count = 1;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &own) != 0)
        return 0;
    count = add_children(pid, pids, count);
    ticks = read_ticks(pid, 2);
    for (int i = 1; i < count; i++) {
        ticks += read_ticks(pids[i], 0);
        count = add_children(pids[i], pids, count);
    }
    return (uint64_t)own.tv_sec * NS_PER_SECOND + (uint64_t)own.tv_nsec +
           ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}
