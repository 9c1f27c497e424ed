#include "check_main.h"
#include "store_case.h"

#include "state/store/meta.h"
#include "wire/little.h"

#include <fcntl.h>
#include <sys/stat.h>

static int open_uri(const char *uri, const char *keygroup, struct enoki_state **out)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;

    options.uri = uri;
    options.keygroup = keygroup;
    return enoki_state_open(out, &options, &err);
}

START_TEST(a_malformed_uri_or_name_is_refused_with_the_allowed_form)
{
    const char *const bad[] = {"",
                               "embedded",
                               "embedded:",
                               "fish:/tmp/x",
                               "embedded:x?",
                               "embedded:x?durability",
                               "embedded:x?durability=",
                               "embedded:x?durability=maybe",
                               "embedded:x?max_value=0",
                               "embedded:x?max_value=4194305",
                               "embedded:x?max_value=1&max_value=2",
                               "embedded:x?colour=red",
                               "embedded:x?node=a,b",
                               "embedded:x?node=a&node=b"};
    struct enoki_state *state = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(open_uri(bad[i], "demo", &state) == ENOKI_EINVAL, "%s", bad[i]);
        ck_assert_int_eq(err.status, ENOKI_EINVAL);
    }
    ck_assert_int_eq(open_uri("embedded:x", "a b", &state), ENOKI_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.message, "'a b'"));
    ck_assert_int_eq(open_uri("embedded:x", NULL, &state), ENOKI_EINVAL);
    ck_assert_int_eq(access("x", F_OK), -1);
}
END_TEST

START_TEST(options_must_begin_with_the_initializer)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;

    options.keygroup = "demo";
    options.kind = (enum enoki_keygroup_kind)7;
    ck_assert_int_eq(enoki_state_open(&state, &options, &err), ENOKI_EINVAL);
    options.kind = ENOKI_KEYGROUP_ANY;
    options.max_value_bytes = ENOKI_VALUE_MAX_BYTES + 1u;
    ck_assert_int_eq(enoki_state_open(&state, &options, NULL), ENOKI_EINVAL);
    options.size = 0;
    ck_assert_int_eq(enoki_state_open(&state, &options, &err), ENOKI_EINVAL);
}
END_TEST

START_TEST(the_uri_may_name_keygroup_node_and_longest_value)
{
    struct enoki_state *state = NULL;
    struct enoki_items *items = NULL;
    char uri[200];

    make_folder();
    (void)snprintf(uri, sizeof(uri), "embedded:%s/a/b/c?keygroup=demo&node=edge1&max_value=4",
                   folder);
    ck_ok(open_uri(uri, NULL, &state));
    ck_assert_str_eq(enoki_state_keygroup(state), "demo");
    ck_ok(enoki_state_update(state, "x", "1234", 4, NULL, &err));
    ck_assert_int_eq(enoki_state_update(state, "x", "12345", 5, NULL, &err), ENOKI_ELIMIT);
    ck_assert_ptr_nonnull(strstr(err.message, "'4'"));
    ck_ok(enoki_state_read(state, "x", &items, &err));
    ck_assert_str_eq(enoki_version_node(enoki_items_version(items, 0), 0, NULL), "edge1");
    enoki_items_free(items);
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(values_may_be_raised_to_four_mebibytes)
{
    struct enoki_state *state;
    struct enoki_items *items = NULL;
    char *value = calloc(1, ENOKI_VALUE_MAX_BYTES);
    size_t len = 0;

    make_folder();
    ck_assert_ptr_nonnull(value);
    state = try_open("sync", "&max_value=4194304", ENOKI_KEYGROUP_ANY);
    ck_assert_ptr_nonnull(state);
    ck_ok(enoki_state_update(state, "x", value, ENOKI_VALUE_MAX_BYTES, NULL, &err));
    ck_ok(enoki_state_read(state, "x", &items, &err));
    (void)enoki_items_value(items, 0, &len);
    ck_assert_uint_eq(len, ENOKI_VALUE_MAX_BYTES);
    enoki_items_free(items);
    free(value);
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(a_keygroup_that_must_exist_is_not_created)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    char uri[100];

    make_folder();
    (void)snprintf(uri, sizeof(uri), "embedded:%s", folder);
    options.uri = uri;
    options.keygroup = "demo";
    options.must_exist = 1;
    ck_assert_int_eq(enoki_state_open(&state, &options, &err), ENOKI_ENOTFOUND);
    ck_assert_int_eq(access(store_file(""), F_OK), -1);
    enoki_state_free(open_state("sync"));
    ck_ok(enoki_state_open(&state, &options, &err));
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(a_folder_in_which_nothing_was_stored_is_no_keygroup_that_must_exist)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    char uri[100];
    int fd;

    make_folder();
    (void)snprintf(uri, sizeof(uri), "embedded:%s", folder);
    options.uri = uri;
    options.keygroup = "demo";
    options.must_exist = 1;
    ck_assert_int_eq(mkdir(store_file(""), 0700), 0);
    fd = open(store_file("users"), O_CREAT | O_RDWR, 0600);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    ck_assert_int_eq(enoki_state_open(&state, &options, &err), ENOKI_ENOTFOUND);
    remove_folder();
}
END_TEST

START_TEST(only_its_owner_can_read_a_store)
{
    const char *const files[] = {"data.mdb", "lock.mdb", "queue", "users", "boot"};
    struct enoki_state *state;
    struct stat stat_of;

    make_folder();
    (void)umask(0);
    state = open_state("process");
    ck_assert_int_eq(stat(store_file(""), &stat_of), 0);
    ck_assert_uint_eq(stat_of.st_mode & 0777u, 0700);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        ck_assert_int_eq(stat(store_file(files[i]), &stat_of), 0);
        ck_assert_uint_eq(stat_of.st_mode & 0777u, 0600);
    }
    enoki_state_free(state);
    remove_folder();
}
END_TEST

START_TEST(a_place_that_cannot_be_used_is_an_error_with_its_path)
{
    struct enoki_state *state = NULL;
    char uri[6000];

    ck_assert_int_eq(open_uri("embedded:/dev/null/x", "demo", &state), ENOKI_EIO);
    ck_assert_ptr_nonnull(strstr(err.message, "/dev/null/x"));
    memset(uri, 'x', sizeof(uri));
    memcpy(uri, "embedded:", 9);
    uri[sizeof(uri) - 1] = '\0';
    ck_assert_int_lt(open_uri(uri, "demo", &state), 0);
}
END_TEST

/* --- format ----------------------------------------------------------------------------------- */

/* Overwrites what the store says about itself. */
static int spoil(struct en_env_write *write, void *context)
{
    MDB_val key = {6, (void *)(uintptr_t) "\0enoki"};
    MDB_val head = *(MDB_val *)context;

    write->changed = true;
    if (head.mv_size > 0)
        return mdb_put(write->txn, write->dbi, &key, &head, 0);
    head = (MDB_val){1, (void *)(uintptr_t) "x"};
    (void)mdb_del(write->txn, write->dbi, &key, NULL);
    return mdb_put(write->txn, write->dbi, &head, &head, 0);
}

static void write_head(void *bytes, size_t len)
{
    struct en_gate gate;
    struct en_env_options options = {store_file(""), &gate, 0};
    MDB_val head = {len, bytes};
    struct en_env *env;

    ck_assert_int_eq(en_gate_init(&gate), 0);
    ck_ok(en_env_open(&env, &options, &err));
    ck_assert_int_eq(en_env_write(env, true, spoil, &head), 0);
    en_env_close(env);
}

static size_t read_data(char *bytes, size_t size)
{
    FILE *file = fopen(store_file("data.mdb"), "rb");
    size_t len;

    ck_assert_ptr_nonnull(file);
    len = fread(bytes, 1, size, file);
    (void)fclose(file);
    return len;
}

START_TEST(a_store_of_an_unknown_format_version_is_refused_untouched)
{
    unsigned char head[11] = "ENOKI";
    static char before[100000], after[100000];
    size_t len;

    make_folder();
    enoki_state_free(open_state("sync"));
    en_store_u32(head + 6, 2);
    head[10] = ENOKI_KEYGROUP_MUTABLE;
    write_head(head, sizeof(head));
    len = read_data(before, sizeof(before));
    ck_assert_ptr_null(try_open("sync", "", ENOKI_KEYGROUP_ANY));
    ck_assert_int_eq(err.status, ENOKI_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "'2'"));
    ck_assert_uint_eq(read_data(after, sizeof(after)), len);
    ck_assert_int_eq(memcmp(before, after, len), 0);
    remove_folder();
}
END_TEST

START_TEST(somebody_elses_database_is_refused)
{
    unsigned char head[11] = "ONEKI";

    make_folder();
    enoki_state_free(open_state("sync"));
    write_head(head, sizeof(head));
    ck_assert_ptr_null(try_open("sync", "", ENOKI_KEYGROUP_ANY));
    ck_assert_int_eq(err.status, ENOKI_EFORMAT);
    write_head(NULL, 0);
    ck_assert_ptr_null(try_open("process", "", ENOKI_KEYGROUP_ANY));
    ck_assert_int_eq(err.status, ENOKI_EFORMAT);
    remove_folder();
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
    FILE *file;

    make_folder();
    ck_assert_int_eq(mkdir(store_file(""), 0700), 0);
    file = fopen(store_file("data.mdb"), "wb");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 10000; i++)
        ck_assert_int_ne(fputc('x', file), EOF);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_ptr_null(try_open("sync", "", ENOKI_KEYGROUP_ANY));
    ck_assert_int_eq(err.status, ENOKI_EFORMAT);
    remove_folder();
}
END_TEST

START_TEST(a_queue_of_another_version_in_use_is_refused)
{
    struct enoki_state *state;
    FILE *file;
    pid_t child;
    int status;

    make_folder();
    state = open_state("sync");
    file = fopen(store_file("queue"), "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ne(fputc('x', file), EOF);
    ck_assert_int_eq(fclose(file), 0);
    child = fork();
    if (child == 0)
        _exit(try_open("sync", "", ENOKI_KEYGROUP_ANY) == NULL && err.status == ENOKI_EFORMAT ? 0
                                                                                              : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    enoki_state_free(state);
    enoki_state_free(open_state("sync"));
    remove_folder();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_malformed_uri_or_name_is_refused_with_the_allowed_form,
        options_must_begin_with_the_initializer,
        the_uri_may_name_keygroup_node_and_longest_value,
        values_may_be_raised_to_four_mebibytes,
        a_keygroup_that_must_exist_is_not_created,
        a_folder_in_which_nothing_was_stored_is_no_keygroup_that_must_exist,
        only_its_owner_can_read_a_store,
        a_place_that_cannot_be_used_is_an_error_with_its_path,
        a_store_of_an_unknown_format_version_is_refused_untouched,
        somebody_elses_database_is_refused,
        a_file_that_is_no_database_is_refused,
        a_queue_of_another_version_in_use_is_refused,
    };

    return check_main("open", tests, sizeof(tests) / sizeof(tests[0]));
}
