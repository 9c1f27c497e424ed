/*
 * state_driver.c - reads or updates items of one store from several processes for a while.
 *
 *   bench-state-enoki|bench-state-lmdb DIR sync|process fill|read|update PROCESSES BYTES KEYS MS
 *
 * fill writes every key once, in one process. read and update choose keys at random. Prints one
 * line of JSON: operations per second of all processes together, and their CPU time per operation.
 */
#include "state.h"
#include "tool.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 64u
#define ID_BYTES 32u

struct job {
    const char *directory;
    bool durable;
    bool is_update;
    uint64_t processes;
    uint64_t bytes;
    uint64_t keys;
    uint64_t duration_ns;
};

/* Shared by all processes; the parent starts the clock when every child has opened the store. */
struct shared {
    atomic_uint ready;
    atomic_bool go;
    struct result {
        uint64_t operations;
        uint64_t wall_ns;
        uint64_t cpu_ns;
    } results[PROCESSES_MAX];
};

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static char *make_value(uint64_t bytes)
{
    char *value = malloc(bytes);

    if (value == NULL)
        tool_die("out of memory");
    memset(value, 'v', bytes);
    return value;
}

static void make_id(char out[ID_BYTES], uint64_t number)
{
    snprintf(out, ID_BYTES, "key%08llu", (unsigned long long)number);
}

static void fill(const struct job *job)
{
    struct store *store = store_open(job->directory, job->durable);
    char *value = make_value(job->bytes);
    char id[ID_BYTES];

    for (uint64_t i = 0; i < job->keys; i++) {
        make_id(id, i);
        store_update(store, id, value, job->bytes);
    }
    free(value);
    store_close(store);
}

static void work(const struct job *job, struct shared *shared, uint64_t number)
{
    struct store *store = store_open(job->directory, job->durable);
    char *value = make_value(job->bytes);
    struct result *result = &shared->results[number];
    uint64_t random = 88172645463325252ull + number * 2654435761u;
    uint64_t begin;
    uint64_t cpu;
    char id[ID_BYTES];

    atomic_fetch_add(&shared->ready, 1);
    while (!atomic_load(&shared->go))
        usleep(100);
    begin = tool_now_ns();
    cpu = cpu_ns();
    do {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        make_id(id, random % job->keys);
        if (job->is_update)
            store_update(store, id, value, job->bytes);
        else if (store_read(store, id) != job->bytes)
            tool_die("item '%s' is not there with %llu bytes", id, (unsigned long long)job->bytes);
        result->operations++;
        result->wall_ns = tool_now_ns() - begin;
    } while (result->wall_ns < job->duration_ns);
    result->cpu_ns = cpu_ns() - cpu;
    free(value);
    store_close(store);
}

static void start_children(const struct job *job, struct shared *shared)
{
    for (uint64_t i = 0; i < job->processes; i++) {
        pid_t child = fork();

        if (child < 0)
            tool_die("fork: %m");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            work(job, shared, i);
            exit(EXIT_SUCCESS);
        }
    }
}

static void measure(const struct job *job)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double per_second = 0;
    double cpu = 0;
    double operations = 0;
    int status;

    if (shared == MAP_FAILED)
        tool_die("mmap: %m");
    start_children(job, shared);
    while (atomic_load(&shared->ready) < job->processes) {
        if (waitpid(-1, &status, WNOHANG) > 0)
            tool_die("a process ended before the start");
        usleep(100);
    }
    atomic_store(&shared->go, true);
    for (uint64_t i = 0; i < job->processes; i++)
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)
            tool_die("a process failed");
    for (uint64_t i = 0; i < job->processes; i++) {
        const struct result *result = &shared->results[i];

        operations += (double)result->operations;
        cpu += (double)result->cpu_ns;
        per_second += (double)result->operations * 1e9 / (double)result->wall_ns;
    }
    printf("{\"per_second\": %.2f, \"cpu_us\": %.4f, \"operations\": %.0f}\n", per_second,
           cpu / 1e3 / operations, operations);
    munmap(shared, sizeof(*shared));
}

int main(int argc, char **argv)
{
    struct job job = {0};

    if (argc != 8)
        tool_die("usage: DIR sync|process fill|read|update PROCESSES BYTES KEYS MS");
    job.directory = argv[1];
    job.durable = strcmp(argv[2], "sync") == 0;
    job.is_update = strcmp(argv[3], "update") == 0;
    job.processes = tool_number("PROCESSES", argv[4], 1, PROCESSES_MAX);
    job.bytes = tool_number("BYTES", argv[5], 1, 4194304);
    job.keys = tool_number("KEYS", argv[6], 1, 10000000);
    job.duration_ns = tool_number("MS", argv[7], 1, 600000) * 1000000u;
    if (strcmp(argv[3], "fill") == 0)
        fill(&job);
    else
        measure(&job);
    return EXIT_SUCCESS;
}
