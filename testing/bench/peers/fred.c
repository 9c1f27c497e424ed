/*
 * fred.c - callers that read or update one item at a FReD node for a while.
 *
 *   bench-fred enoki|grpc|relay URI read|update CALLERS BYTES MS
 *   bench-fred session ITEMS
 *
 * Prints one line of JSON: calls per second of all, the median of a call in microseconds. session:
 * nanoseconds of a check that finds nothing new, of a version that is learned, bytes per 100,000.
 */
#include "fred.h"

#include "tool.h"

#include "state/relay/relay.h"
#include "state/session/session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLERS_MAX 64u
#define SAMPLES_MAX 200000u

struct caller {
    uint64_t number;
    uint64_t calls;
    uint64_t wall_ns;
    uint32_t samples_ns[SAMPLES_MAX];
};

static struct {
    const char *side;
    const char *uri;
    bool is_update;
    uint64_t callers;
    uint64_t bytes;
    uint64_t duration_ns;
    char *value;
    struct enoki_state *state;
} job;

static struct enoki_state *open_state(const char *uri)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state;

    options.uri = uri;
    options.keygroup = FRED_KEYGROUP;
    if (enoki_state_open(&state, &options, &err) != 0)
        tool_die("%s", err.message);
    return state;
}

static void call_state(struct enoki_state *state, const char *id)
{
    struct enoki_error err;
    struct enoki_items *items;
    int rc;

    err.message[0] = '\0';
    if (job.is_update) {
        rc = enoki_state_update(state, id, job.value, job.bytes, NULL, &err);
    } else {
        rc = enoki_state_read(state, id, &items, &err);
        if (rc == 0)
            enoki_items_free(items);
    }
    if (rc != 0)
        tool_die("%s", err.message);
}

/* Each caller has an item of its own, as workers of a function mostly do. */
static void run_calls(struct caller *caller, uint64_t number, struct enoki_state *state)
{
    uint64_t begin, before, after;
    char id[32];

    snprintf(id, sizeof(id), FRED_ID "%llu", (unsigned long long)number);
    begin = before = tool_now_ns();

    do {
        if (state != NULL)
            call_state(state, id);
        else
            fred_grpc_call(job.is_update, number);
        after = tool_now_ns();
        if (caller->calls < SAMPLES_MAX)
            caller->samples_ns[caller->calls] = (uint32_t)(after - before);
        caller->calls++;
        before = after;
    } while (after - begin < job.duration_ns);
    caller->wall_ns = after - begin;
}

static void *run_thread(void *context)
{
    struct caller *caller = context;

    run_calls(caller, caller->number, job.state);
    return NULL;
}

static void run_threads(struct caller *callers)
{
    pthread_t threads[CALLERS_MAX];

    for (uint64_t i = 0; i < job.callers; i++)
        if (pthread_create(&threads[i], NULL, run_thread, &callers[i]) != 0)
            tool_die("no thread");
    for (uint64_t i = 0; i < job.callers; i++)
        pthread_join(threads[i], NULL);
}

static int open_served(void *context, struct enoki_state **out, struct enoki_error *err)
{
    (void)context;
    (void)err;
    *out = open_state(job.uri);
    return 0;
}

/* Workers first, then what does not survive a fork; they begin when the door answers. */
static void run_relay(struct caller *callers)
{
    struct en_relay_options options = {.open = open_served};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_relay *relay;
    char uri[32];
    int door[2], status;

    if (en_relay_door(door, &err) != 0)
        tool_die("%s", err.message);
    snprintf(uri, sizeof(uri), "relay:%d", door[1]);
    for (uint64_t i = 0; i < job.callers; i++) {
        pid_t child = fork();

        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            run_calls(&callers[i], i, open_state(uri));
            _exit(0);
        }
    }
    options.door = door[0];
    if (en_relay_start(&relay, &options, &err) != 0)
        tool_die("%s", err.message);
    for (uint64_t i = 0; i < job.callers; i++)
        if (wait(&status) < 0 || status != 0)
            tool_die("a worker failed");
    en_relay_stop(relay);
}

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

static void print_result(struct caller *callers)
{
    uint32_t *all = malloc(job.callers * SAMPLES_MAX * sizeof(*all));
    double per_second = 0;
    size_t count = 0;

    if (all == NULL)
        tool_die("out of memory");
    for (uint64_t i = 0; i < job.callers; i++) {
        uint64_t samples = callers[i].calls < SAMPLES_MAX ? callers[i].calls : SAMPLES_MAX;

        per_second += (double)callers[i].calls * 1e9 / (double)callers[i].wall_ns;
        memcpy(all + count, callers[i].samples_ns, samples * sizeof(*all));
        count += samples;
    }
    qsort(all, count, sizeof(*all), by_size);
    printf("{\"per_second\": %.1f, \"median_us\": %.2f}\n", per_second,
           (double)all[count / 2] / 1e3);
    free(all);
}

static void learn_one(struct en_session *session, uint64_t item, uint64_t counter)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_version *version;
    struct en_version_view view;
    struct en_seen seen;
    char id[32], text[64];

    snprintf(id, sizeof(id), "item%llu", (unsigned long long)item);
    snprintf(text, sizeof(text), "nodeA=%llu,nodeB=3", (unsigned long long)counter);
    if (enoki_version_parse(&version, text, &err) != 0 || en_session_seen(session, id, &seen) != 0)
        tool_die("%s", err.message);
    view = en_version_view(version);
    if (en_session_learn(session, id, &seen, &view, 1, false) != 0)
        tool_die("learn");
    en_seen_fini(&seen);
    enoki_version_free(version);
}

static void measure_session(uint64_t items)
{
    const struct en_session_options options = {.keygroup = FRED_KEYGROUP};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_session *session;
    struct en_session_numbers numbers;
    struct enoki_version *version;
    struct en_version_view view;
    struct en_seen seen;
    uint64_t begin;
    double check, learn;

    if (en_session_open(&session, &options, &err) != 0 ||
        enoki_version_parse(&version, "nodeA=1,nodeB=3", &err) != 0)
        tool_die("%s", err.message);
    begin = tool_now_ns();
    for (uint64_t i = 0; i < items; i++)
        learn_one(session, i, 1);
    learn = (double)(tool_now_ns() - begin) / (double)items;
    view = en_version_view(version);
    begin = tool_now_ns();
    for (uint64_t i = 0; i < 1000000; i++) {
        if (en_session_seen(session, "item7", &seen) != 0 ||
            en_session_learn(session, "item7", &seen, &view, 1, false) != 0)
            tool_die("check");
        en_seen_fini(&seen);
    }
    check = (double)(tool_now_ns() - begin) / 1e6;
    numbers = en_session_numbers(session);
    printf("{\"check_ns\": %.1f, \"learn_ns\": %.1f, \"bytes_per_100000\": %.0f}\n", check, learn,
           (double)numbers.bytes * 1e5 / (double)numbers.items);
    enoki_version_free(version);
    en_session_close(session);
}

int main(int argc, char **argv)
{
    struct caller *callers;

    if (argc == 3 && strcmp(argv[1], "session") == 0) {
        measure_session(tool_number("ITEMS", argv[2], 100, 10000000));
        return EXIT_SUCCESS;
    }
    if (argc != 7)
        tool_die("usage: enoki|grpc|relay URI read|update CALLERS BYTES MS, or session ITEMS");
    job.side = argv[1];
    job.uri = argv[2];
    job.is_update = strcmp(argv[3], "update") == 0;
    job.callers = tool_number("CALLERS", argv[4], 1, CALLERS_MAX);
    job.bytes = tool_number("BYTES", argv[5], 1, 3000000);
    job.duration_ns = tool_number("MS", argv[6], 1, 600000) * 1000000u;
    job.value = malloc(job.bytes);
    callers = mmap(NULL, job.callers * sizeof(*callers), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (job.value == NULL || callers == MAP_FAILED)
        tool_die("out of memory");
    memset(job.value, 'v', job.bytes);
    for (uint64_t i = 0; i < job.callers; i++)
        callers[i].number = i;
    if (strcmp(job.side, "relay") == 0) {
        run_relay(callers);
    } else {
        if (strcmp(job.side, "grpc") == 0)
            fred_grpc_open(job.uri, job.value, job.bytes, job.callers);
        else
            job.state = open_state(job.uri);
        run_threads(callers);
    }
    print_result(callers);
    return EXIT_SUCCESS;
}
