/*
 * backend.h - the seam between a state handle and where its data is.
 *
 * The handle (state.c) checks ids, limits and the kind of keygroup before it calls, and builds
 * modify on read, update and remove. A backend implements the rest of state.h's contract; the
 * suite in testing/conformance/ is the judge.
 *
 * Deadlines  deadline_ms, on CLOCK_MONOTONIC, is when a call must have returned. Backends that wait
 *          for nobody ignore it, and say so by is_local; they get 0.
 * Memory   Arguments are borrowed for the call.
 * Threads  any thread may call any function of one opened backend at the same time, but close.
 * Fork     after: open in the process that uses it; every call in another process must fail.
 */
#ifndef EN_BACKEND_H
#define EN_BACKEND_H

#include <enoki/state.h>

#include <stdbool.h>

struct en_uri;

/* Where what an operator should know goes. */
struct en_notify {
    enoki_state_log_fn fn; /* NULL: nowhere */
    void *context;
};

enum { EN_NOTIFY_ERROR = 0, EN_NOTIFY_WARN = 1, EN_NOTIFY_INFO = 2 };

void en_notify(const struct en_notify *notify, int level, const char *format, ...)
    ENOKI_PRINTF(3, 4);

/* What opening needs, defaults filled in and checked; borrowed for the call. */
struct en_backend_settings {
    const struct en_uri *uri; /* what concerns one backend alone: its own to check */
    const char *durability;   /* "sync" or "process" */
    const char *keygroup;
    const char *node; /* never NULL where is_local */
    enum enoki_keygroup_kind kind;
    bool must_exist;
    uint64_t max_value_bytes;
    struct en_notify notify;
};

/* One write. */
struct en_backend_write {
    const char *id;
    const void *value; /* NULL: remove */
    size_t value_len;
    const struct enoki_expect *expect; /* NULL: nothing is required */
};

struct en_backend {
    const char *scheme; /* of the URI, without ':' */
    bool is_local;      /* needs no deadline, takes any keygroup name and node */

    /* *kind_out is the keygroup's real kind, never ANY. */
    int (*open)(void **self_out, const struct en_backend_settings *settings,
                enum enoki_keygroup_kind *kind_out, struct enoki_error *err);
    void (*close)(void *self);

    int (*read)(void *self, uint64_t deadline_ms, const char *id, struct enoki_items **out,
                struct enoki_error *err);
    /* start NULL: from the first id; ENOKI_EINVAL where that cannot be done. */
    int (*scan)(void *self, uint64_t deadline_ms, const char *start, uint64_t count,
                bool with_values, struct enoki_items **out, struct enoki_error *err);
    int (*write)(void *self, uint64_t deadline_ms, const struct en_backend_write *write,
                 struct enoki_error *err);
    int (*append)(void *self, uint64_t deadline_ms, const void *value, size_t value_len,
                  char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err);
    int (*import)(void *self, uint64_t deadline_ms, const char *id,
                  const struct enoki_version *version, const void *value, size_t value_len,
                  struct enoki_error *err);
};

/* Whether the handle's backend is. */
bool en_state_is_local(const struct enoki_state *state);

#endif
