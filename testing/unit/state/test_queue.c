/* Group commit: what happens to posted operations when the leader dies, and to garbage in a slot.
 */
#include "check_main.h"
#include "store_case.h"

#include "state/store/lookup.h"
#include "state/store/meta.h"
#include "state/store/queue.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One process's view of the store, made by hand so that a test can be a leader that dies. */
struct user {
    struct en_folder folder;
    struct en_board *board;
    struct en_env *env;
    struct en_queue *queue;
};

static bool join(struct user *user, enum enoki_keygroup_kind kind)
{
    struct en_env_options options = {NULL, NULL, 0};

    *user = (struct user){0};
    if (en_folder_init(&user->folder, folder, "demo", false, &err) != 0 ||
        en_folder_lock(&user->folder, &err) != 0 ||
        en_board_open(&user->board, &user->folder, &err) != 0)
        return false;
    options.folder = user->folder.path;
    options.gate = en_board_gate(user->board);
    return en_env_open(&user->env, &options, &err) == 0 &&
           en_meta_open(user->env, kind, false, &kind, &err) == 0 &&
           en_queue_new(&user->queue, user->board, user->env, kind) == 0 &&
           en_folder_settle(&user->folder, &err) == 0;
}

static void leave(struct user *user)
{
    en_queue_free(user->queue);
    en_env_close(user->env);
    en_board_close(user->board);
    en_folder_fini(&user->folder);
}

static int append(struct user *user, char id_out[ENOKI_APPEND_ID_BYTES])
{
    const struct en_op op = {
        .kind = EN_OP_APPEND, .id = "100", .node = "local", .value = "v", .value_len = 1};
    struct en_op_result result = {0};
    int rc = en_queue_run(user->queue, &op, &result);

    if (rc == 0)
        memcpy(id_out, result.id, sizeof(result.id));
    return rc;
}

static size_t count_items(struct user *user)
{
    struct enoki_items *items = NULL;
    size_t count;

    ck_assert_int_eq(en_lookup_scan(user->env, NULL, 1000, true, &items), 0);
    count = enoki_items_count(items);
    enoki_items_free(items);
    return count;
}

/* --- a leader that dies ----------------------------------------------------------------------- */

enum death { AFTER_TAKING, BEFORE_COMMIT, IN_COMMIT, AFTER_COMMIT };

static bool dies_in_commit;

/* LMDB's own, since the program's symbols come first: the last and smallest write of a commit names
 * the new root. Who is killed in it has done it, and has not yet told the other processes. */
__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *bytes, size_t len,
                                                      off_t offset)
{
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, len, offset);

    if (dies_in_commit && len < 1000)
        _exit(0);
    return written;
}

struct doomed {
    struct user *user;
    unsigned slot;
    enum death death;
};

/* What a leader does in its transaction, as far as it lives. */
static int lead_in_vain(struct en_env_write *write, void *context)
{
    struct doomed *doomed = context;
    static unsigned char bytes[EN_PACKED_BYTES];
    struct en_op_result result = {0};
    struct en_slot_result out = {0};
    struct en_unpacked unpacked;
    uint64_t batch;
    size_t len = en_board_copy(doomed->user->board, doomed->slot, bytes);

    if (en_meta_batch(write->txn, write->dbi, &batch) != 0 ||
        en_op_unpack(bytes, len, &unpacked) != 0 || en_op_apply(write, &unpacked.op, &result) != 0)
        _exit(1);
    memcpy(out.id, result.id, sizeof(out.id));
    en_board_set_batch(doomed->user->board, doomed->slot, batch + 1, &out);
    if (doomed->death == BEFORE_COMMIT)
        _exit(0);
    return en_meta_set_batch(write->txn, write->dbi, batch + 1);
}

/* Leads, waits until somebody has posted, and dies. */
static void lead_and_die(enum death death, int locked)
{
    struct user user;
    struct doomed doomed = {&user, 0, death};

    if (!join(&user, ENOKI_KEYGROUP_APPEND) || en_board_lock(user.board, true) != 0 ||
        write(locked, "l", 1) != 1)
        _exit(1);
    while (!en_board_take(user.board, doomed.slot))
        doomed.slot = (doomed.slot + 1) % EN_BOARD_SLOTS;
    if (death == AFTER_TAKING)
        _exit(0);
    dies_in_commit = death == IN_COMMIT;
    if (en_env_write(user.env, true, lead_in_vain, &doomed) != 0 || dies_in_commit)
        _exit(1);
    _exit(0);
}

static void survive(enum death death)
{
    struct user user;
    char id[ENOKI_APPEND_ID_BYTES];
    int locked[2];
    pid_t child;
    char byte;

    make_folder();
    ck_assert(join(&user, ENOKI_KEYGROUP_APPEND));
    ck_assert_int_eq(pipe(locked), 0);
    child = fork();
    if (child == 0)
        lead_and_die(death, locked[1]);
    ck_assert_int_eq(read(locked[0], &byte, 1), 1);
    ck_assert_int_eq(append(&user, id), 0);
    expect_good_end(child);
    ck_assert_str_eq(id, "100");
    ck_assert_uint_eq(count_items(&user), 1);
    ck_assert_int_eq(append(&user, id), 0);
    ck_assert_str_eq(id, "101");
    ck_assert_uint_eq(count_items(&user), 2);
    leave(&user);
    remove_folder();
}

START_TEST(an_operation_is_done_once_if_its_leader_dies_before_it_begins)
{
    survive(AFTER_TAKING);
}
END_TEST

START_TEST(an_operation_is_done_once_if_its_leader_dies_before_the_commit)
{
    survive(BEFORE_COMMIT);
}
END_TEST

START_TEST(an_operation_is_done_once_if_its_leader_dies_in_the_commit)
{
    survive(IN_COMMIT);
}
END_TEST

/* write->changed is set by the operation, so returning 0 commits. */
START_TEST(an_operation_is_done_once_if_its_leader_dies_after_the_commit)
{
    survive(AFTER_COMMIT);
}
END_TEST

/* --- foreign slots ---------------------------------------------------------------------------- */

START_TEST(places_of_owners_that_died_are_used_again)
{
    struct user user;
    char id[ENOKI_APPEND_ID_BYTES];
    const struct en_op op = {
        .kind = EN_OP_APPEND, .id = "1", .node = "n", .value = "v", .value_len = 1};
    pid_t child;

    make_folder();
    ck_assert(join(&user, ENOKI_KEYGROUP_APPEND));
    child = fork();
    if (child == 0) {
        struct user own;
        bool good = join(&own, ENOKI_KEYGROUP_APPEND);

        for (unsigned i = 0; good && i < EN_BOARD_SLOTS; i++)
            good = en_board_post(own.board, &op) >= 0;
        _exit(good && en_board_post(own.board, &op) < 0 ? 0 : 1);
    }
    expect_good_end(child);
    ck_assert_int_ge(en_board_post(user.board, &op), 0);
    ck_assert_int_eq(append(&user, id), 0);
    leave(&user);
    remove_folder();
}
END_TEST

START_TEST(an_operation_of_the_other_kind_in_a_place_is_refused)
{
    struct user user;
    struct en_slot_result result;
    char id[ENOKI_APPEND_ID_BYTES];
    const struct en_op op = {
        .kind = EN_OP_WRITE, .id = "x", .node = "n", .value = "v", .value_len = 1};
    int slot;

    make_folder();
    ck_assert(join(&user, ENOKI_KEYGROUP_APPEND));
    slot = en_board_post(user.board, &op);
    ck_assert_int_ge(slot, 0);
    ck_assert_int_eq(append(&user, id), 0);
    ck_assert(en_board_collect(user.board, slot, &result));
    ck_assert_int_eq(result.status, ENOKI_EINVAL);
    ck_assert_uint_eq(count_items(&user), 1);
    leave(&user);
    remove_folder();
}
END_TEST

START_TEST(garbage_in_a_place_is_refused_and_the_others_go_on)
{
    struct user user;
    struct en_slot_result result;
    char id[ENOKI_APPEND_ID_BYTES];
    const struct en_op op = {
        .kind = EN_OP_APPEND, .id = "1", .node = "nodename", .value = "v", .value_len = 1};
    static char bytes[1 << 20];
    FILE *file;
    size_t len;
    char *at;
    int slot;

    make_folder();
    ck_assert(join(&user, ENOKI_KEYGROUP_APPEND));
    slot = en_board_post(user.board, &op);
    file = fopen(store_file("queue"), "r+b");
    ck_assert_ptr_nonnull(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    at = memmem(bytes, len, "nodename", 8);
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(fseek(file, at - bytes, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite("no|de\0==", 1, 8, file), 8);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(append(&user, id), 0);
    ck_assert(en_board_collect(user.board, slot, &result));
    ck_assert_int_eq(result.status, ENOKI_EINVAL);
    ck_assert_uint_eq(count_items(&user), 1);
    leave(&user);
    remove_folder();
}
END_TEST

START_TEST(one_operation_that_cannot_be_done_fails_alone)
{
    struct user user;
    struct en_slot_result results[2];
    const struct en_op good = {
        .kind = EN_OP_WRITE, .id = "x", .node = "n", .value = "v", .value_len = 1};
    const struct en_op gone = {.kind = EN_OP_WRITE, .id = "y", .node = "n"};
    struct en_op_result result;
    int slots[2];

    make_folder();
    ck_assert(join(&user, ENOKI_KEYGROUP_MUTABLE));
    slots[0] = en_board_post(user.board, &gone);
    slots[1] = en_board_post(user.board, &good);
    ck_assert_int_eq(en_queue_run(user.queue, &good, &result), 0);
    for (int i = 0; i < 2; i++)
        ck_assert(en_board_collect(user.board, slots[i], &results[i]));
    ck_assert_int_eq(results[0].status, ENOKI_ENOTFOUND);
    ck_assert_int_eq(results[1].status, 0);
    ck_assert_uint_eq(count_items(&user), 1);
    leave(&user);
    remove_folder();
}
END_TEST

/* A batch that does not fit on the disk is repeated one operation at a time. */
START_TEST(a_full_disk_fails_only_what_does_not_fit)
{
    static char large[3000000];
    const struct rlimit limit = {1 << 20, RLIM_INFINITY};
    struct user user;
    struct en_slot_result result;
    struct en_op_result own;
    const struct en_op small = {
        .kind = EN_OP_WRITE, .id = "x", .node = "n", .value = "v", .value_len = 1};
    const struct en_op huge = {
        .kind = EN_OP_WRITE, .id = "y", .node = "n", .value = large, .value_len = sizeof(large)};
    int rc, slot;

    make_folder();
    ck_assert(join(&user, ENOKI_KEYGROUP_MUTABLE));
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    slot = en_board_post(user.board, &small);
    rc = en_queue_run(user.queue, &huge, &own);
    ck_assert_int_eq(en_env_error(user.env, rc, "writing", &err), ENOKI_ENOSPACE);
    ck_assert(en_board_collect(user.board, slot, &result));
    ck_assert_int_eq(result.status, 0);
    ck_assert_uint_eq(count_items(&user), 1);
    leave(&user);
    remove_folder();
}
END_TEST

/* --- packing ---------------------------------------------------------------------------------- */

START_TEST(an_operation_comes_out_of_its_packing_as_it_went_in)
{
    unsigned char bytes[EN_PACKED_BYTES];
    struct en_unpacked out;
    struct en_version_view versions[2] = {en_version_empty(), en_version_empty()};
    const struct en_op op = {.kind = EN_OP_WRITE,
                             .expects = true,
                             .id = "x1",
                             .node = "edge",
                             .versions = versions,
                             .version_count = 2,
                             .value = "value",
                             .value_len = 5};
    size_t len = en_op_pack(&op, bytes);

    ck_assert_uint_gt(len, 0);
    ck_assert_int_eq(en_op_unpack(bytes, len, &out), 0);
    ck_assert_int_eq(out.op.kind, EN_OP_WRITE);
    ck_assert(out.op.expects);
    ck_assert_str_eq(out.op.id, "x1");
    ck_assert_str_eq(out.op.node, "edge");
    ck_assert_uint_eq(out.op.version_count, 2);
    ck_assert_uint_eq(out.op.value_len, 5);
    ck_assert_mem_eq(out.op.value, "value", 5);
    for (size_t shorter = 0; shorter < len; shorter++)
        ck_assert_int_eq(en_op_unpack(bytes, shorter, &out), ENOKI_EFORMAT);
}
END_TEST

START_TEST(what_does_not_fit_a_place_is_not_packed)
{
    static char value[EN_PACKED_BYTES + 1];
    unsigned char bytes[EN_PACKED_BYTES];
    struct en_op op = {
        .kind = EN_OP_WRITE, .id = "x", .node = "n", .value = value, .value_len = sizeof(value)};

    ck_assert_uint_eq(en_op_pack(&op, bytes), 0);
    op.value_len = EN_PACKED_BYTES;
    ck_assert_uint_eq(en_op_pack(&op, bytes), 0);
    op.value_len = EN_PACKED_BYTES - 20;
    ck_assert_uint_gt(en_op_pack(&op, bytes), 0);
    op.version_count = EN_PACKED_VERSIONS + 1;
    ck_assert_uint_eq(en_op_pack(&op, bytes), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_operation_is_done_once_if_its_leader_dies_before_it_begins,
        an_operation_is_done_once_if_its_leader_dies_before_the_commit,
        an_operation_is_done_once_if_its_leader_dies_in_the_commit,
        an_operation_is_done_once_if_its_leader_dies_after_the_commit,
        places_of_owners_that_died_are_used_again,
        an_operation_of_the_other_kind_in_a_place_is_refused,
        garbage_in_a_place_is_refused_and_the_others_go_on,
        one_operation_that_cannot_be_done_fails_alone,
        a_full_disk_fails_only_what_does_not_fit,
        an_operation_comes_out_of_its_packing_as_it_went_in,
        what_does_not_fit_a_place_is_not_packed,
    };

    return check_main("queue", tests, sizeof(tests) / sizeof(tests[0]));
}
