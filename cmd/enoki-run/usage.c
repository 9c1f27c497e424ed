#include "usage.h"

#include "instance.h"
#include "node.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 512u
#define DEPTH_MAX 8u
#define CHILDREN_BYTES 8192u
#define FRESH_MS 5000u
#define WORKERS_FRESH_MS 1000u
#define BUDGET_NS 5000000u

/* NUL-terminated; 0 or ENOENT. */
static int read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    size_t len = 0;

    if (fd < 0)
        return ENOENT;
    while (len + 1 < size && (got = read(fd, out + len, size - 1 - len)) > 0)
        len += (size_t)got;
    (void)close(fd);
    out[len] = '\0';
    return len > 0 ? 0 : ENOENT;
}

/* Without leave to look closer, at least what is resident, which counts shared pages whole. */
static uint64_t memory_of(pid_t pid)
{
    char path[64], text[2048];
    unsigned long long kib = 0, pages = 0;
    const char *line;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    if (read_file(path, text, sizeof(text)) == 0 && (line = strstr(text, "\nPss:")) != NULL &&
        sscanf(line, "\nPss: %llu", &kib) == 1)
        return kib * 1024;
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    if (read_file(path, text, sizeof(text)) == 0 && sscanf(text, "%*u %llu", &pages) == 1)
        return pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

static void add(struct usage *usage, pid_t pid, unsigned depth)
{
    char path[64], text[CHILDREN_BYTES];
    char *at = text, *end;

    if (usage->processes >= PROCESSES_MAX || depth > DEPTH_MAX)
        return;
    usage->bytes += memory_of(pid);
    usage->processes++;
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    if (read_file(path, text, sizeof(text)) != 0)
        return;
    for (;;) {
        long child = strtol(at, &end, 10);

        if (end == at || child <= 0)
            return;
        add(usage, (pid_t)child, depth + 1);
        at = end;
    }
}

void usage_add(struct usage *usage, pid_t pid)
{
    add(usage, pid, 0);
}

/* A runtime starts a zygote, and that the workers. */
static uint32_t count_workers(pid_t runtime)
{
    char path[64], text[CHILDREN_BYTES];
    uint32_t count = 0;
    int zygote = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)runtime, (int)runtime);
    if (runtime <= 0 || read_file(path, text, sizeof(text)) != 0 ||
        sscanf(text, "%d", &zygote) != 1)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", zygote, zygote);
    if (read_file(path, text, sizeof(text)) != 0)
        return 0;
    for (const char *at = text; *at != '\0'; at++)
        count += *at == ' ' ? 1 : 0; /* one behind each */
    return count;
}

static void look_at(struct function *function, uint64_t now_ms)
{
    struct usage usage = {0, 0};
    bool is_stale = function->usage_at_ms == 0 || now_ms - function->usage_at_ms >= FRESH_MS;

    if (function->workers_at_ms == 0 || now_ms - function->workers_at_ms >= WORKERS_FRESH_MS) {
        function->workers = 0;
        for (const struct instance *at = function->instances; at != NULL; at = at->next)
            function->workers += count_workers(at->pid);
        function->workers_at_ms = now_ms;
    }
    if (!is_stale)
        return;
    for (const struct instance *at = function->instances; at != NULL; at = at->next)
        usage_add(&usage, at->pid);
    function->usage = usage;
    function->usage_at_ms = now_ms;
}

void usage_refresh(struct node *node)
{
    uint64_t now_ms = en_clock_ms(), until_ns = en_clock_ns() + BUDGET_NS;

    for (size_t i = 0; i < node_function_count(node) && en_clock_ns() < until_ns; i++)
        look_at(node_function_at(node, i), now_ms);
}

uint64_t usage_workers(const struct function *function)
{
    const struct enoki_function_settings *own = &function_settings(function)->function;

    return strcmp(own->runtime, "thread") != 0
               ? function->workers
               : (uint64_t)own->workers_max * function->instance_count;
}
