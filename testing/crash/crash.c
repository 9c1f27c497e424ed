/*
 * crash sync|process ROUNDS - writers are killed at random moments; after every reopening nothing
 * that was acknowledged is missing, nothing is there twice and nothing is torn.
 *
 * Writers tell in shared memory what they begin and what was acknowledged. In some rounds all are
 * killed, in others some, and the rest must go on as if nothing had happened.
 */
#include <enoki/state.h>

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 4
#define VALUE_MAX 40000
#define ROUNDS_PER_STORE 25u
#define SCAN_COUNT 1000000

/* What one writer says. On one store counts go on from round to round: a step that was begun and
 * not acknowledged may be there or not, so begun stays above acknowledged by one for each. */
struct writer {
    atomic_ulong begun;
    atomic_ulong acknowledged;
    atomic_ulong last; /* the last number that was acknowledged */
};

struct shared {
    struct writer writers[WRITERS];
    atomic_bool stop; /* who survived ends */
};

static struct shared *shared;
static char uri[200];
static char folder[] = "/tmp/enoki-crash-XXXXXX";

static void die(const char *what, const char *why)
{
    fprintf(stderr, "crash: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static struct enoki_state *open_state(const char *keygroup, enum enoki_keygroup_kind kind)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state = NULL;

    options.uri = uri;
    options.keygroup = keygroup;
    options.kind = kind;
    if (enoki_state_open(&state, &options, &err) != 0)
        die("open", err.message);
    return state;
}

/* A value that tells its number at every place, of a size that changes: in a slot, beside it, and
 * on LMDB's overflow pages. */
static size_t make_value(char value[VALUE_MAX], unsigned long number)
{
    static const size_t sizes[] = {16, 1000, 3000, 6000, 16, 200, 40000, 16};
    size_t size = sizes[number % (sizeof(sizes) / sizeof(sizes[0]))];
    char text[17];

    (void)snprintf(text, sizeof(text), "%016lx", number);
    for (size_t i = 0; i < size; i++)
        value[i] = text[i % 16];
    return size;
}

static int count_up(void *context, const struct enoki_items *items, const void **value_out,
                    size_t *value_len_out, struct enoki_error *err)
{
    char *room = context;
    unsigned long number = items == NULL ? 0 : strtoul(enoki_items_value(items, 0, NULL), NULL, 10);

    (void)err;
    *value_len_out = (size_t)snprintf(room, 32, "%lu", number + 1);
    *value_out = room;
    return ENOKI_MODIFY_WRITE;
}

/* Each step writes a value, counts up with everybody, and appends to the log. */
static void write_until_killed(unsigned me)
{
    struct enoki_state *state = open_state("items", ENOKI_KEYGROUP_MUTABLE);
    struct enoki_state *log = open_state("log", ENOKI_KEYGROUP_APPEND);
    struct writer *writer = &shared->writers[me];
    struct enoki_error err = ENOKI_ERROR_INIT;
    char id[ENOKI_APPEND_ID_BYTES], name[16], room[32];
    static char value[VALUE_MAX];

    (void)snprintf(name, sizeof(name), "writer%u", me);
    while (!atomic_load(&shared->stop)) {
        unsigned long number = atomic_load(&writer->begun) + 1;
        size_t len = make_value(value, number);

        atomic_store(&writer->begun, number);
        if (enoki_state_update(state, name, value, len, NULL, &err) != 0 ||
            enoki_state_modify(state, "all", count_up, room, &err) != 0 ||
            enoki_state_append(log, value, 16, id, &err) != 0)
            die("write", err.message);
        atomic_store(&writer->last, number);
        atomic_fetch_add(&writer->acknowledged, 1);
    }
    enoki_state_free(log);
    enoki_state_free(state);
    exit(EXIT_SUCCESS);
}

/* --- after the crash -------------------------------------------------------------------------- */

static void check_value(struct enoki_state *state, unsigned writer)
{
    unsigned long least = atomic_load(&shared->writers[writer].last);
    unsigned long most = atomic_load(&shared->writers[writer].begun);
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    static char expected[VALUE_MAX];
    unsigned long number = 0;
    char name[16];
    size_t len = 0;
    int rc;

    (void)snprintf(name, sizeof(name), "writer%u", writer);
    rc = enoki_state_read(state, name, &items, &err);
    if (rc != 0 && !(rc == ENOKI_ENOTFOUND && least == 0))
        die(name, err.message);
    if (rc == 0) {
        const char *value = enoki_items_value(items, 0, &len);
        char head[17] = "";

        memcpy(head, value, len < 16 ? len : 16);
        number = strtoul(head, NULL, 16);
        if (enoki_items_count(items) != 1 || make_value(expected, number) != len ||
            memcmp(expected, value, len) != 0)
            die(name, "the value is torn");
    }
    if (number < least || number > most)
        die(name, "an acknowledged write is missing");
    enoki_items_free(items);
}

static void check_sum(struct enoki_state *state, unsigned long least, unsigned long most)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    unsigned long sum = 0;

    if (enoki_state_read(state, "all", &items, &err) == 0)
        sum = strtoul(enoki_items_value(items, 0, NULL), NULL, 10);
    if (sum < least || sum > most)
        die("all", "the common counter lost or gained");
    enoki_items_free(items);
}

static void check_log(unsigned long least, unsigned long most)
{
    struct enoki_state *log = open_state("log", ENOKI_KEYGROUP_APPEND);
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;

    if (enoki_state_scan(log, NULL, SCAN_COUNT, &items, &err) != 0)
        die("log", err.message);
    if (enoki_items_count(items) < least || enoki_items_count(items) > most) {
        (void)fprintf(stderr, "crash: %zu appends, acknowledged were %lu, begun %lu\n",
                      enoki_items_count(items), least, most);
        die("log", "an append is missing or there twice");
    }
    enoki_items_free(items);
    enoki_state_free(log);
}

static void check(void)
{
    struct enoki_state *state = open_state("items", ENOKI_KEYGROUP_MUTABLE);
    unsigned long least = 0, most = 0;

    for (unsigned i = 0; i < WRITERS; i++) {
        check_value(state, i);
        least += atomic_load(&shared->writers[i].acknowledged);
        most += atomic_load(&shared->writers[i].begun);
    }
    check_sum(state, least, most);
    enoki_state_free(state);
    check_log(least, most);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void pause_up_to_ms(unsigned ms)
{
    const struct timespec time = {0, (long)((unsigned)random() % (ms * 1000)) * 1000};

    (void)nanosleep(&time, NULL);
}

static void reap(pid_t child, bool killed)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid", strerror(errno));
    /* Who ends by itself must end well; a killed one may have ended before. */
    if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
        !(killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        die("writer", "did not survive the death of another one");
}

static void run_round(bool kill_all)
{
    pid_t children[WRITERS];
    bool killed[WRITERS];

    atomic_store(&shared->stop, false);
    for (unsigned i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] < 0)
            die("fork", strerror(errno));
        if (children[i] == 0)
            write_until_killed(i);
    }
    pause_up_to_ms(30);
    for (unsigned i = 0; i < WRITERS; i++) {
        killed[i] = kill_all || random() % 2 == 0;
        if (killed[i] && kill(children[i], SIGKILL) != 0)
            die("kill", strerror(errno));
        if (killed[i] && !kill_all)
            pause_up_to_ms(5);
    }
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i < WRITERS; i++)
        reap(children[i], killed[i]);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static void start_store(const char *durability)
{
    (void)memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL)
        die(folder, strerror(errno));
    (void)snprintf(uri, sizeof(uri), "embedded:%s?durability=%s", folder, durability);
    memset(shared, 0, sizeof(*shared));
}

static void end_store(void)
{
    if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
        die(folder, strerror(errno));
}

int main(int argc, char **argv)
{
    unsigned rounds = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    unsigned long steps = 0;

    if (rounds == 0) {
        fprintf(stderr, "usage: %s sync|process ROUNDS\n", argv[0]);
        return 2;
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap", strerror(errno));
    srandom((unsigned)getpid());
    for (unsigned i = 0; i < rounds; i++) {
        if (i % ROUNDS_PER_STORE == 0)
            start_store(argv[1]);
        run_round(i % 2 == 0);
        check();
        if (i % ROUNDS_PER_STORE == ROUNDS_PER_STORE - 1 || i == rounds - 1) {
            for (unsigned w = 0; w < WRITERS; w++)
                steps += atomic_load(&shared->writers[w].acknowledged);
            end_store();
        }
    }
    printf("%u rounds, %lu acknowledged steps, none lost\n", rounds, steps);
    (void)munmap(shared, sizeof(*shared));
    return EXIT_SUCCESS;
}
