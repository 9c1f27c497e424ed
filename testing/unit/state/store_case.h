/*
 * store_case.h - a folder of its own for every test, and opening embedded state in it.
 *
 *   START_TEST(...)
 *   {
 *       make_folder();
 *       struct enoki_state *state = open_state("process", NULL);
 *       ...
 *       remove_folder();
 *   }
 */
#ifndef STORE_CASE_H
#define STORE_CASE_H

#include <enoki/state.h>

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/enoki-store-XXXXXX";
static struct enoki_error err = ENOKI_ERROR_INIT;

#define ck_ok(call) ck_assert_msg((call) == 0, "%s: %s", #call, err.message)

static inline void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void remove_folder(void)
{
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* "FOLDER/demo/FILE"; valid until the next call. */
static inline const char *store_file(const char *file)
{
    static char path[200];

    (void)snprintf(path, sizeof(path), "%s/demo/%s", folder, file);
    return path;
}

/* Opens keygroup "demo"; more is appended to the URI. NULL if that fails, with err. */
static inline struct enoki_state *try_open(const char *durability, const char *more,
                                           enum enoki_keygroup_kind kind)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    char uri[300];

    (void)snprintf(uri, sizeof(uri), "embedded:%s?durability=%s%s", folder, durability, more);
    options.uri = uri;
    options.keygroup = "demo";
    options.kind = kind;
    return enoki_state_open(&state, &options, &err) == 0 ? state : NULL;
}

static inline struct enoki_state *open_state(const char *durability)
{
    struct enoki_state *state = try_open(durability, "", ENOKI_KEYGROUP_ANY);

    ck_assert_msg(state != NULL, "%s", err.message);
    return state;
}

static inline void put(struct enoki_state *state, const char *id, const char *value)
{
    ck_ok(enoki_state_update(state, id, value, strlen(value), NULL, &err));
}

/* The value of an item with one version, "" if there is none; valid until the next call. */
static inline const char *get(struct enoki_state *state, const char *id)
{
    static char value[200];
    struct enoki_items *items = NULL;

    if (enoki_state_read(state, id, &items, &err) == ENOKI_ENOTFOUND)
        return "";
    ck_assert_uint_eq(enoki_items_count(items), 1);
    (void)snprintf(value, sizeof(value), "%s", (const char *)enoki_items_value(items, 0, NULL));
    enoki_items_free(items);
    return value;
}

static inline void expect_good_end(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ended with %x",
                  (unsigned)status);
}

#endif
