/*
 * store.h - the items of one keygroup at one node: stored versions, which reads consult, and the
 * clocks known of each id, which writes consult (FReD keeps them in memory only).
 *
 * Memory   Values are copied. Running out of memory ends the program.
 * Threads  the cluster's lock protects it.
 */
#ifndef DOUBLE_STORE_H
#define DOUBLE_STORE_H

#include "clock.h"

/* Bytes that somebody else owns. */
struct text {
    const char *data;
    size_t len;
};

struct version {
    struct clock clock;
    char *value; /* empty: a tombstone, or an appended empty value */
    size_t len;
    uint64_t expires_ms; /* 0: never */
};

struct item {
    char *id;
    size_t version_count;
    struct version *versions;
    struct clocks known;
};

struct store;

enum store_result {
    STORE_OK = 0,
    STORE_MISSING, /* no such item, or no such start */
    STORE_REFUSED, /* a version says no */
    STORE_BAD_ID,
};

struct store *store_new(void);
void store_free(struct store *store);

/* What a write needs to know. */
struct store_write {
    struct text id;
    struct text value; /* of length 0: a removal */
    const struct clock *given;
    size_t given_count;
    const char *node; /* whose counter ticks */
    int64_t expiry_s; /* of values; tombstones stay */
    uint64_t now_ms;
};

/* *made is the new version's clock, to be released. */
enum store_result store_update(struct store *store, const struct store_write *write,
                               struct clock *made);
enum store_result store_remove(struct store *store, const struct store_write *write,
                               struct clock *made);
enum store_result store_append(struct store *store, struct text id, struct text value,
                               int64_t expiry_s, uint64_t now_ms);

/* What a peer has written: dropped if it is known, kept beside what is concurrent. */
void store_put(struct store *store, struct text id, struct text value, const struct clock *clock,
               int64_t expiry_s, uint64_t now_ms);

/* Called for each version; false ends the walk. */
typedef bool (*store_visit)(void *context, const struct item *item, const struct version *version);

/* The versions of one item that are values, equal to or older than a given clock if there is one:
 * as often as there is such a clock. */
enum store_result store_read(struct store *store, struct text id, const struct clock *given,
                             size_t given_count, uint64_t now_ms, store_visit visit, void *context);
/* At most count versions from an existing start on, tombstones included. */
enum store_result store_scan(struct store *store, struct text start, uint64_t count,
                             uint64_t now_ms, store_visit visit, void *context);
/* Everything. */
void store_walk(struct store *store, uint64_t now_ms, store_visit visit, void *context);

/* Letters and digits, at least one. */
bool is_legal_name(struct text name);

#endif
