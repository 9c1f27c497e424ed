/* What the disk and the machine do to a store: growth, a full disk, power loss. */
#include "check_main.h"
#include "store_case.h"

#include "state/store/lookup.h"
#include "state/store/shared.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char large[20000];

/* --- growth ----------------------------------------------------------------------------------- */

static struct en_shared *open_tiny(void)
{
    struct en_shared_options options = {folder, "demo", ENOKI_KEYGROUP_ANY, false, false, 65536};
    struct en_shared *shared = NULL;

    ck_ok(en_shared_acquire(&shared, &options, &err));
    return shared;
}

static void expect_large(struct en_env *env, const char *id)
{
    struct enoki_items *items = NULL;
    size_t len;

    ck_assert_int_eq(en_lookup_read(env, id, &items), 0);
    ck_assert_mem_eq(enoki_items_value(items, 0, &len), large, sizeof(large));
    ck_assert_uint_eq(len, sizeof(large));
    enoki_items_free(items);
}

/* Writes through a handle on the same store, which the process shares. */
static void write_many(char first)
{
    struct enoki_state *state = open_state("process");
    char id[20];

    for (int i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof(id), "%c%d", first, i);
        ck_ok(enoki_state_update(state, id, large, sizeof(large), NULL, &err));
    }
    enoki_state_free(state);
}

START_TEST(the_map_grows_while_it_is_written)
{
    struct en_shared *shared;

    make_folder();
    shared = open_tiny();
    write_many('a');
    expect_large(en_shared_env(shared), "a0");
    expect_large(en_shared_env(shared), "a99");
    en_shared_release(shared);
    enoki_state_free(open_state("process"));
    remove_folder();
}
END_TEST

START_TEST(what_another_process_grew_is_seen_by_readers_and_writers)
{
    struct en_shared *shared;
    struct enoki_items *items = NULL;
    pid_t child;

    make_folder();
    shared = open_tiny();
    ck_assert_int_eq(en_lookup_read(en_shared_env(shared), "a0", &items), ENOKI_ENOTFOUND);
    child = fork();
    if (child == 0) {
        write_many('a');
        _exit(0);
    }
    expect_good_end(child);
    expect_large(en_shared_env(shared), "a99");
    child = fork();
    if (child == 0) {
        write_many('b');
        write_many('c');
        _exit(0);
    }
    expect_good_end(child);
    write_many('d');
    expect_large(en_shared_env(shared), "b7");
    expect_large(en_shared_env(shared), "d7");
    en_shared_release(shared);
    remove_folder();
}
END_TEST

/* Sanitizers need address space themselves. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_LIMITS 1
#else
#define HAS_LIMITS 0
#endif

START_TEST(without_address_space_to_grow_a_write_fails_and_the_rest_goes_on)
{
    const struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    struct en_shared *shared;
    struct enoki_state *state;
    char id[20];
    int rc = 0;

    make_folder();
    shared = open_tiny();
    state = open_state("process");
    put(state, "x", "1");
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    for (int i = 0; rc == 0; i++) {
        (void)snprintf(id, sizeof(id), "a%d", i);
        rc = enoki_state_update(state, id, large, sizeof(large), NULL, &err);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &all), 0);
    ck_assert_int_eq(rc, ENOKI_ENOMEM);
    ck_assert_str_eq(get(state, "x"), "1");
    write_many('b');
    enoki_state_free(state);
    en_shared_release(shared);
    remove_folder();
}
END_TEST

/* --- a full disk ------------------------------------------------------------------------------ */

static void limit_files(rlim_t bytes)
{
    const struct rlimit limit = {bytes, RLIM_INFINITY};

    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void fill_disk(const char *durability)
{
    struct enoki_state *state;
    struct enoki_items *items = NULL;
    char id[20];
    int written = 0;
    int rc = 0;

    make_folder();
    (void)signal(SIGXFSZ, SIG_IGN);
    state = open_state(durability);
    limit_files(1 << 20);
    for (; rc == 0; written += rc == 0 ? 1 : 0) {
        (void)snprintf(id, sizeof(id), "a%d", written);
        rc = enoki_state_update(state, id, large, sizeof(large), NULL, &err);
    }
    ck_assert_msg(rc == ENOKI_ENOSPACE, "%d %s", rc, err.message);
    ck_assert_int_gt(written, 20);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(enoki_state_update(state, id, large, sizeof(large), NULL, &err),
                         ENOKI_ENOSPACE);
    ck_ok(enoki_state_scan(state, NULL, 1000, &items, &err));
    ck_assert_uint_eq(enoki_items_count(items), (unsigned)written);
    enoki_items_free(items);
    limit_files(RLIM_INFINITY);
    ck_ok(enoki_state_update(state, id, large, sizeof(large), NULL, &err));
    enoki_state_free(state);
    state = open_state(durability);
    ck_ok(enoki_state_scan(state, NULL, 1000, &items, &err));
    ck_assert_uint_eq(enoki_items_count(items), (unsigned)written + 1);
    enoki_items_free(items);
    enoki_state_free(state);
    remove_folder();
}

START_TEST(a_full_disk_is_a_clear_error_and_loses_nothing_with_process)
{
    fill_disk("process");
}
END_TEST

START_TEST(a_full_disk_is_a_clear_error_and_loses_nothing_with_sync)
{
    fill_disk("sync");
}
END_TEST

/* --- power loss ------------------------------------------------------------------------------- */

static void write_file(const char *file, long at, const char *text)
{
    int fd = open(store_file(file), O_WRONLY | O_CREAT | (at == 0 ? O_TRUNC : 0), 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
    ck_assert_int_eq(close(fd), 0);
}

START_TEST(an_orderly_close_leaves_nothing_to_verify)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("process");
    ck_assert_int_eq(access(store_file("boot"), F_OK), 0);
    enoki_state_free(state);
    ck_assert_int_eq(access(store_file("boot"), F_OK), -1);
    enoki_state_free(open_state("sync"));
    ck_assert_int_eq(access(store_file("boot"), F_OK), -1);
    remove_folder();
}
END_TEST

START_TEST(a_sound_store_opens_after_the_machine_stopped)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("process");
    put(state, "x", "1");
    enoki_state_free(state);
    write_file("boot", 0, "another boot");
    state = open_state("sync");
    ck_assert_str_eq(get(state, "x"), "1");
    ck_assert_int_eq(access(store_file("boot"), F_OK), -1);
    enoki_state_free(state);
    remove_folder();
}
END_TEST

/* Where in the data file the text is. */
static long find_in_data(const char *text)
{
    static char bytes[1 << 20];
    FILE *file = fopen(store_file("data.mdb"), "rb");
    size_t len;
    char *at;

    ck_assert_ptr_nonnull(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    at = memmem(bytes, len, text, strlen(text));
    ck_assert_ptr_nonnull(at);
    return at - bytes;
}

START_TEST(a_damaged_value_is_found_after_the_machine_stopped)
{
    struct enoki_state *state;

    make_folder();
    state = open_state("process");
    put(state, "x", "the value as it was written");
    enoki_state_free(state);
    write_file("data.mdb", find_in_data("as it was"), "xx");
    write_file("boot", 0, "another boot");
    ck_assert_ptr_null(try_open("process", "", ENOKI_KEYGROUP_ANY));
    ck_assert_int_eq(err.status, ENOKI_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "restore a copy"));
    ck_assert_ptr_null(try_open("sync", "", ENOKI_KEYGROUP_ANY));
    remove_folder();
}
END_TEST

START_TEST(a_damaged_tree_is_found_and_does_not_crash_who_opens_it)
{
    struct enoki_state *state;

    make_folder();
    memset(large, 'L', sizeof(large));
    write_many('a');
    /* The last pages of the file are in use: lists of ids, or of pages, or parts of values. */
    for (long at = 2 * 4096; at < 60L * 4096; at += 4096)
        write_file("data.mdb", at + 8, "\377\376\375\374\373\372\371\370\367\366\365\364");
    write_file("boot", 0, "another boot");
    state = try_open("process", "", ENOKI_KEYGROUP_ANY);
    ck_assert_ptr_null(state);
    ck_assert_int_eq(err.status, ENOKI_EFORMAT);
    remove_folder();
}
END_TEST

START_TEST(a_damaged_record_is_an_error_when_it_is_read)
{
    struct enoki_state *state;
    struct enoki_items *items = NULL;

    make_folder();
    state = open_state("sync");
    put(state, "x", "value");
    enoki_state_free(state);
    write_file("data.mdb", find_in_data("x|\001") + 2, "\002");
    state = open_state("sync");
    ck_assert_int_eq(enoki_state_read(state, "x", &items, &err), ENOKI_EFORMAT);
    ck_assert_int_eq(enoki_state_scan(state, "x", 1, &items, &err), ENOKI_EFORMAT);
    ck_assert_int_eq(enoki_state_update(state, "x", "y", 1, NULL, &err), ENOKI_EFORMAT);
    put(state, "y", "else");
    ck_assert_str_eq(get(state, "y"), "else");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(a_kill_needs_no_verification_within_the_same_boot)
{
    struct enoki_state *state;
    pid_t child;

    make_folder();
    child = fork();
    if (child == 0) {
        state = try_open("process", "", ENOKI_KEYGROUP_ANY);
        _exit(state != NULL && enoki_state_update(state, "x", "1", 1, NULL, &err) == 0 ? 0 : 1);
    }
    expect_good_end(child);
    ck_assert_int_eq(access(store_file("boot"), F_OK), 0);
    state = open_state("process");
    ck_assert_str_eq(get(state, "x"), "1");
    enoki_state_free(state);
    remove_folder();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_map_grows_while_it_is_written,
        what_another_process_grew_is_seen_by_readers_and_writers,
        a_full_disk_is_a_clear_error_and_loses_nothing_with_process,
        a_full_disk_is_a_clear_error_and_loses_nothing_with_sync,
        an_orderly_close_leaves_nothing_to_verify,
        a_sound_store_opens_after_the_machine_stopped,
        a_damaged_value_is_found_after_the_machine_stopped,
        a_damaged_tree_is_found_and_does_not_crash_who_opens_it,
        a_damaged_record_is_an_error_when_it_is_read,
        a_kill_needs_no_verification_within_the_same_boot,
        without_address_space_to_grow_a_write_fails_and_the_rest_goes_on,
    };

    return check_main("store", tests, sizeof(tests) / sizeof(tests[0]) - (HAS_LIMITS ? 0 : 1));
}
