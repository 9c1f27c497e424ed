/* Many processes on one store. */
#include "check_main.h"
#include "store_case.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>

#define PROCESSES 8
#define INCREMENTS 1000

static int add_one(void *context, const struct enoki_items *items, const void **value_out,
                   size_t *value_len_out, struct enoki_error *error)
{
    char *room = context;
    long number = items == NULL ? 0 : strtol(enoki_items_value(items, 0, NULL), NULL, 10);

    (void)error;
    *value_len_out = (size_t)snprintf(room, 32, "%ld", number + 1);
    *value_out = room;
    return ENOKI_MODIFY_WRITE;
}

/* A store that survives power loss is tested where a flush costs nothing, if there is such a place:
 * what is tested is the sharing. */
static void use_memory(void)
{
    if (access("/dev/shm", W_OK) == 0)
        (void)snprintf(folder, sizeof(folder), "/dev/shm/enoki-XXXXXX");
}

static void count_with_all(const char *durability)
{
    struct enoki_state *state;
    pid_t children[PROCESSES];

    make_folder();
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        state = try_open(durability, "", ENOKI_KEYGROUP_ANY);
        for (int n = 0; state != NULL && n < INCREMENTS; n++) {
            char room[32];

            if (enoki_state_modify(state, "n", add_one, room, &err) != 0) {
                fprintf(stderr, "%s\n", err.message);
                _exit(1);
            }
        }
        enoki_state_free(state);
        _exit(state == NULL);
    }
    for (int i = 0; i < PROCESSES; i++)
        expect_good_end(children[i]);
    state = open_state(durability);
    ck_assert_int_eq(atoi(get(state, "n")), PROCESSES * INCREMENTS);
    enoki_state_free(state);
    remove_folder();
}

START_TEST(eight_processes_lose_no_increment_with_process)
{
    count_with_all("process");
}
END_TEST

START_TEST(eight_processes_lose_no_increment_with_sync)
{
    use_memory();
    count_with_all("sync");
}
END_TEST

START_TEST(both_durabilities_may_be_used_at_once)
{
    struct enoki_state *state, *other;
    pid_t children[4];

    use_memory();
    make_folder();
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        state = try_open(i % 2 == 0 ? "sync" : "process", "", ENOKI_KEYGROUP_ANY);
        for (int n = 0; state != NULL && n < 200; n++) {
            char room[32];

            if (enoki_state_modify(state, "n", add_one, room, &err) != 0)
                _exit(1);
        }
        enoki_state_free(state);
        _exit(state == NULL);
    }
    for (int i = 0; i < 4; i++)
        expect_good_end(children[i]);
    state = open_state("sync");
    other = open_state("process");
    ck_assert_str_eq(get(state, "n"), "800");
    put(other, "n", "a");
    put(state, "n", "b");
    ck_assert_str_eq(get(other, "n"), "b");
    enoki_state_free(other);
    enoki_state_free(state);
    remove_folder();
}
END_TEST

/* --- more threads than the queue has places, values larger than a place ----------------------- */

#define THREADS 80
#define WRITES 10

static struct enoki_state *busy;

static void *write_large_and_small(void *number)
{
    struct enoki_error error = ENOKI_ERROR_INIT;
    char id[20];
    static const char value[5000] = "large";

    (void)snprintf(id, sizeof(id), "t%d", *(int *)number);
    for (int i = 0; i < WRITES; i++)
        if (enoki_state_update(busy, id, value, i % 2 == 0 ? 5 : sizeof(value), NULL, &error) != 0)
            return "failed";
    return NULL;
}

START_TEST(more_threads_than_the_queue_has_places_write_everything)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    struct enoki_items *items = NULL;
    uint64_t counter = 0;
    void *failed;

    use_memory();
    make_folder();
    busy = open_state("sync");
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_large_and_small, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_ok(enoki_state_scan(busy, NULL, 1000, &items, &err));
    ck_assert_uint_eq(enoki_items_count(items), THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        (void)enoki_version_node(enoki_items_version(items, i), 0, &counter);
        ck_assert_uint_eq(counter, WRITES);
    }
    enoki_items_free(items);
    enoki_state_free(busy);
    remove_folder();
}
END_TEST

/* --- fork ------------------------------------------------------------------------------------- */

START_TEST(a_handle_in_a_forked_child_fails_clearly_and_harms_nobody)
{
    const char *const durabilities[] = {"sync", "process"};

    make_folder();
    for (int d = 0; d < 2; d++) {
        struct enoki_state *state = open_state(durabilities[d]);
        struct enoki_items *items = NULL;
        pid_t child;

        put(state, "x", "1");
        child = fork();
        if (child == 0) {
            bool good = enoki_state_read(state, "x", &items, &err) == ENOKI_ECLOSED &&
                        strstr(err.message, "after the fork") != NULL &&
                        enoki_state_scan(state, "x", 1, &items, &err) == ENOKI_ECLOSED &&
                        enoki_state_update(state, "x", "2", 1, NULL, &err) == ENOKI_ECLOSED;

            enoki_state_free(state);
            /* Its own handle works. */
            state = try_open(durabilities[d], "", ENOKI_KEYGROUP_ANY);
            good = good && state != NULL && enoki_state_update(state, "x", "3", 1, NULL, &err) == 0;
            enoki_state_free(state);
            _exit(good ? 0 : 1);
        }
        expect_good_end(child);
        ck_assert_str_eq(get(state, "x"), "3");
        put(state, "x", "4");
        enoki_state_free(state);
    }
    remove_folder();
}
END_TEST

START_TEST(a_reader_that_was_killed_does_not_keep_old_pages)
{
    static char value[3000];
    struct enoki_state *state;
    struct stat before, after;
    pid_t child;
    int ready[2];
    char byte;

    make_folder();
    memset(value, 'x', sizeof(value));
    ck_assert_int_eq(pipe(ready), 0);
    state = open_state("process");
    put(state, "x", "1");
    child = fork();
    if (child == 0) {
        struct enoki_state *own = try_open("process", "", ENOKI_KEYGROUP_ANY);
        struct enoki_items *items = NULL;

        if (own == NULL || write(ready[1], "r", 1) != 1)
            _exit(1);
        /* Killed at a random place of this loop, as a reader may be. */
        for (;;) {
            if (enoki_state_read(own, "x", &items, &err) != 0)
                _exit(1);
            enoki_items_free(items);
        }
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    for (int i = 0; i < 2000; i++)
        ck_ok(enoki_state_update(state, "x", value, sizeof(value), NULL, &err));
    ck_assert_int_eq(stat(store_file("data.mdb"), &before), 0);
    for (int i = 0; i < 4000; i++)
        ck_ok(enoki_state_update(state, "x", value, sizeof(value), NULL, &err));
    ck_assert_int_eq(stat(store_file("data.mdb"), &after), 0);
    ck_assert_int_le(after.st_size, before.st_size + 64 * 4096);
    enoki_state_free(state);
    remove_folder();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        eight_processes_lose_no_increment_with_process,
        eight_processes_lose_no_increment_with_sync,
        both_durabilities_may_be_used_at_once,
        more_threads_than_the_queue_has_places_write_everything,
        a_handle_in_a_forked_child_fails_clearly_and_harms_nobody,
        a_reader_that_was_killed_does_not_keep_old_pages,
    };

    return check_main("processes", tests, sizeof(tests) / sizeof(tests[0]));
}
