/* What a session keeps, and what it refuses to forget: through restarts, kill -9, damage and power
 * loss. */
#include "check_main.h"
#include "store_case.h"

#include "state/session/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>

static unsigned warnings;

static void count_warning(void *context, int level, const char *message)
{
    (void)context;
    (void)message;
    warnings += level <= 1 ? 1 : 0;
}

static int try_session(struct en_session **out, const char *boot_id)
{
    const struct en_session_options options = {
        .folder = folder,
        .keygroup = "demo",
        .durable = true,
        .boot_id = boot_id,
        .notify = {count_warning, NULL},
    };

    return en_session_open(out, &options, &err);
}

static struct en_session *open_session(void)
{
    struct en_session *session = NULL;

    ck_ok(try_session(&session, "a boot"));
    return session;
}

/* An answer with these versions ("a=1;b=2") has come for x: what learn says of it. */
static int learn(struct en_session *session, const char *id, const char *versions)
{
    struct enoki_version *parsed[8];
    struct en_version_view views[8];
    struct en_seen seen;
    char text[200];
    size_t count = 0;
    int rc;

    (void)snprintf(text, sizeof(text), "%s", versions);
    for (char *one = strtok(text, ";"); one != NULL; one = strtok(NULL, ";")) {
        ck_assert_int_eq(enoki_version_parse(&parsed[count], one, NULL), 0);
        views[count] = en_version_view(parsed[count]);
        count++;
    }
    ck_assert_int_eq(en_session_seen(session, id, &seen), 0);
    rc = en_session_learn(session, id, &seen, views, count, false);
    en_seen_fini(&seen);
    while (count > 0)
        enoki_version_free(parsed[--count]);
    return rc;
}

static size_t count_seen(struct en_session *session, const char *id)
{
    struct en_seen seen;
    size_t count;

    ck_assert_int_eq(en_session_seen(session, id, &seen), 0);
    count = seen.count;
    en_seen_fini(&seen);
    return count;
}

static void wrote(struct en_session *session, const char *id, const char *made, bool is_removed)
{
    struct enoki_version *version;
    struct en_seen seen;

    ck_assert_int_eq(enoki_version_parse(&version, made, NULL), 0);
    ck_assert_int_eq(en_session_seen(session, id, &seen), 0);
    ck_assert_int_eq(en_session_wrote(session, id, &seen, en_version_view(version), is_removed), 0);
    en_seen_fini(&seen);
    enoki_version_free(version);
}

START_TEST(an_answer_that_is_behind_what_was_seen_is_stale_and_changes_nothing)
{
    struct en_session *session;

    make_folder();
    session = open_session();
    ck_assert_int_eq(learn(session, "x", "a=2"), 0);
    ck_assert_int_eq(learn(session, "x", "a=1"), ENOKI_ESTALE);
    ck_assert_int_eq(learn(session, "x", "b=9"), ENOKI_ESTALE);
    ck_assert_int_eq(learn(session, "x", ""), ENOKI_ESTALE);
    ck_assert_uint_eq(count_seen(session, "x"), 1);
    ck_assert_int_eq(learn(session, "x", "a=2;b=1"), 0);
    ck_assert_uint_eq(count_seen(session, "x"), 2);
    ck_assert_int_eq(learn(session, "x", "a=2"), ENOKI_ESTALE);
    ck_assert_int_eq(learn(session, "x", "a=2,b=1"), 0);
    ck_assert_uint_eq(count_seen(session, "x"), 1);
    ck_assert_int_eq(learn(session, "other", "a=1"), 0);
    en_session_close(session);
    remove_folder();
}
END_TEST

START_TEST(an_own_write_takes_the_place_of_what_it_was_sent_with)
{
    struct en_session *session;
    struct en_seen seen;

    make_folder();
    session = open_session();
    ck_assert_int_eq(learn(session, "x", "a=1;b=1"), 0);
    wrote(session, "x", "a=2,b=1", false);
    ck_assert_uint_eq(count_seen(session, "x"), 1);
    ck_assert_int_eq(learn(session, "x", "a=1;b=1"), ENOKI_ESTALE);
    wrote(session, "x", "a=3,b=1", true);
    ck_assert_int_eq(en_session_seen(session, "x", &seen), 0);
    ck_assert(seen.is_removed);
    en_seen_fini(&seen);
    en_session_close(session);
    remove_folder();
}
END_TEST

START_TEST(a_restart_forgets_nothing)
{
    struct en_session *session;
    char id[16];

    make_folder();
    for (unsigned round = 0; round < 3; round++) {
        session = open_session();
        for (unsigned i = 0; i < 3000; i++) {
            char version[32];

            (void)snprintf(id, sizeof(id), "id%u", i);
            (void)snprintf(version, sizeof(version), "nodeA=%u", round + 1);
            ck_assert_uint_eq(count_seen(session, id), round == 0 ? 0 : 1);
            ck_assert_int_eq(learn(session, id, version), 0);
        }
        ck_assert_uint_eq(en_session_numbers(session).items, 3000);
        en_session_close(session);
    }
    session = open_session();
    ck_assert_int_eq(learn(session, "id2999", "nodeA=2"), ENOKI_ESTALE);
    en_session_close(session);
    ck_assert_uint_eq(warnings, 0);
    remove_folder();
}
END_TEST

START_TEST(what_was_learned_survives_kill_9)
{
    struct en_session *session;
    int status;
    pid_t child;

    make_folder();
    child = fork();
    if (child == 0) {
        session = open_session();
        wrote(session, "x", "a=7", false);
        (void)raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    session = open_session();
    ck_assert_int_eq(learn(session, "x", "a=6"), ENOKI_ESTALE);
    ck_assert(!en_session_is_in_doubt(session, "x"));
    en_session_close(session);
    remove_folder();
}
END_TEST

START_TEST(a_second_process_is_refused_with_the_folders_name)
{
    struct en_session *session, *second;
    pid_t child;

    make_folder();
    session = open_session();
    child = fork();
    if (child == 0)
        _exit(try_session(&second, "a boot") == ENOKI_ECLOSED && strstr(err.message, folder) ? 0
                                                                                             : 1);
    expect_good_end(child);
    en_session_close(session);
    remove_folder();
}
END_TEST

/* Changes the last byte of the journal that is not 0. */
static void damage_the_end(void)
{
    char path[300], bytes[65536];
    struct dirent *entry;
    DIR *files;

    (void)snprintf(path, sizeof(path), "%s/demo.session", folder);
    files = opendir(path);
    ck_assert_ptr_nonnull(files);
    while ((entry = readdir(files)) != NULL) {
        int fd;
        ssize_t len;

        (void)snprintf(path, sizeof(path), "%s/demo.session/%.100s", folder, entry->d_name);
        fd = open(path, O_RDWR);
        len = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));
        while (len > 200 && bytes[len - 1] == 0)
            len--;
        if (len > 200) {
            bytes[len - 1] = (char)~bytes[len - 1];
            ck_assert_int_eq(pwrite(fd, bytes + len - 1, 1, len - 1), 1);
        }
        if (fd >= 0)
            (void)close(fd);
    }
    (void)closedir(files);
}

START_TEST(a_damaged_end_is_told_and_costs_no_more_than_it_held)
{
    struct en_session *session;
    char id[16];

    make_folder();
    session = open_session();
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof(id), "id%u", i);
        ck_assert_int_eq(learn(session, id, "nodeA=1"), 0);
    }
    en_session_close(session);
    damage_the_end();
    session = open_session();
    ck_assert_uint_ge(warnings, 1);
    ck_assert_uint_ge(en_session_numbers(session).items, 99);
    ck_assert_uint_eq(count_seen(session, "id0"), 1);
    /* What was lost may have been anything. */
    ck_assert(en_session_is_in_doubt(session, "id99"));
    en_session_close(session);
    remove_folder();
}
END_TEST

START_TEST(after_power_loss_ids_are_in_doubt_until_they_are_confirmed)
{
    struct en_session *session = NULL;
    pid_t child;

    make_folder();
    child = fork();
    if (child == 0) {
        session = open_session();
        wrote(session, "x", "a=7", false);
        _exit(0); /* without a close, as the power goes */
    }
    expect_good_end(child);
    ck_ok(try_session(&session, "another boot"));
    ck_assert(en_session_is_in_doubt(session, "x"));
    ck_assert(en_session_is_in_doubt(session, "never seen"));
    ck_assert_int_eq(en_session_confirm(session, "x"), 0);
    ck_assert(!en_session_is_in_doubt(session, "x"));
    ck_assert_int_eq(learn(session, "x", "a=6"), ENOKI_ESTALE);
    en_session_close(session);
    remove_folder();
}
END_TEST

START_TEST(a_clear_forgets_on_disk_too)
{
    struct en_session *session;

    make_folder();
    session = open_session();
    wrote(session, "x", "a=7", false);
    ck_assert_int_eq(en_session_clear(session), 0);
    ck_assert_uint_eq(count_seen(session, "x"), 0);
    en_session_close(session);
    session = open_session();
    ck_assert_uint_eq(count_seen(session, "x"), 0);
    en_session_close(session);
    remove_folder();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_answer_that_is_behind_what_was_seen_is_stale_and_changes_nothing,
        an_own_write_takes_the_place_of_what_it_was_sent_with,
        a_restart_forgets_nothing,
        what_was_learned_survives_kill_9,
        a_second_process_is_refused_with_the_folders_name,
        a_damaged_end_is_told_and_costs_no_more_than_it_held,
        after_power_loss_ids_are_in_doubt_until_they_are_confirmed,
        a_clear_forgets_on_disk_too,
    };

    return check_main("session", tests, sizeof(tests) / sizeof(tests[0]));
}
