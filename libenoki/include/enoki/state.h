/*
 * state.h - read and write the items of one keygroup.
 *
 *   struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
 *   options.uri = "embedded:./enoki-state";
 *   options.keygroup = "tinyFaaSdemo";
 *   if (enoki_state_open(&state, &options, &err) == 0 &&
 *       enoki_state_update(state, "greeting", "hello", 5, NULL, &err) == 0 &&
 *       enoki_state_read(state, "greeting", &items, &err) == 0)
 *       printf("%s\n", (const char *)enoki_items_value(items, 0, NULL));
 *   enoki_items_free(items);
 *   enoki_state_free(state);
 *
 * An item has an id, one or more concurrent versions of a value (siblings), and with each a
 * version: a vector clock, node name -> counter. A write supersedes all versions that its
 * writer has seen; a removed item leaves a tombstone, which is never shown. The contract is
 * the same on every backend.
 *
 * Ids      1 to 255 of [A-Za-z0-9], NUL-terminated. Their order is the byte order of id + "|",
 *          so "10" comes before "1" (FReD's order, kept on every backend).
 * Values   1 to max_value_bytes bytes of any content.
 * Memory   All arguments are copied. What a call hands out is owned by the caller.
 * Threads  any thread: one handle may be used by many at once.
 * Fork     after: open the handle in the process that uses it, never before a fork.
 * Errors   Every call below can return, besides what it names:
 *          ENOKI_EINVAL (an id is empty, too long or has a character outside [A-Za-z0-9]),
 *          ENOKI_ENOMEM, ENOKI_EIO, ENOKI_EFORMAT (the store is damaged).
 *          Writes also: ENOKI_ENOSPACE (disk full; nothing is lost, nothing was written),
 *          ENOKI_ELIMIT (value or id longer than allowed).
 *          On FReD, and through a relay, also: ENOKI_EUNAVAILABLE (no replica can be reached),
 *          ENOKI_ETIMEOUT (the deadline passed; a write may or may not have happened),
 *          ENOKI_ESTALE (no replica has what this session has seen), ENOKI_EDENIED (the user lacks
 *          a role, or the keygroup is gone: FReD does not tell them apart), ENOKI_ETLS.
 */
#ifndef ENOKI_STATE_H
#define ENOKI_STATE_H

#include <enoki/base.h>
#include <enoki/error.h>

/* Values above max_value_bytes are refused with ENOKI_ELIMIT. The default is what every backend
 * can carry (FReD's message limit less the encoding); embedded stores may raise it to the MAX. */
#define ENOKI_VALUE_DEFAULT_BYTES 3000000u
#define ENOKI_VALUE_MAX_BYTES 4194304u
/* Most items that one scan or keys call may ask for. */
#define ENOKI_SCAN_MAX 1000000u
/* Most bytes that they hand out, ids and versions included: 256 MiB. */
#define ENOKI_SCAN_MAX_BYTES 268435456u

enum enoki_keygroup_kind {
    ENOKI_KEYGROUP_ANY = 0,     /* take an existing keygroup as it is, create a mutable one */
    ENOKI_KEYGROUP_MUTABLE = 1, /* update, remove, modify */
    ENOKI_KEYGROUP_APPEND = 2,  /* append only */
};

/* Told what an operator should know: level 0 is an error, 1 a warning, 2 information. Any thread;
 * message is borrowed for the call. */
typedef void (*enoki_state_log_fn)(void *context, int level, const char *message);

struct enoki_state_options {
    size_t size; /* set by the initializer */
    /*
     * "embedded:DIR[?OPTIONS]": a folder on this machine. OPTIONS, joined by '&':
     *   durability=sync|process  an acknowledged write survives power loss, or kill -9 only
     *   max_value=BYTES, node=NAME, keygroup=NAME
     *
     * "fred://HOST:PORT[,HOST:PORT...]?tls=DIR&user=NAME[&OPTIONS]": a FReD node, the first
     * address; the others are asked while it cannot be reached. DIR has ca.crt, NAME.crt, NAME.key.
     *   admin=NAME       creates or replicates the keygroup at the node and grants user its roles;
     *                    not given: user does it for itself
     *   node=ID          the node's id; not given: found by the address in the node's list
     *   expiry=SECONDS   items are gone so long after a write: of the keygroup at this node, set
     *                    when it is created or replicated there; 0, the default: never
     *   stale=wait       a replica is behind the session: wait, look elsewhere (the default)
     *   stale=fail, any  ENOKI_ESTALE at once; or serve it, marked (enoki_items_is_stale)
     *   session=DIR      keeps the session there, for one process at a time; else in memory
     *   durability=...   what a kept session survives, as above
     *   timeout=MS       the longest that one call takes; default 5000
     *   start=MS         how long opening waits for a node; default 15000; 0: for ever
     *   max_value=BYTES, keygroup=NAME
     *
     * "relay:FD": what the parent process serves there; the runtimes set it.
     */
    const char *uri;
    const char *keygroup; /* 1 to 255 of [A-Za-z0-9]; NULL: the URI's */
    const char *node; /* embedded: this node's name in versions; NULL: the URI's, else "local" */
    enum enoki_keygroup_kind kind;
    uint64_t max_value_bytes; /* 0: the URI's, else ENOKI_VALUE_DEFAULT_BYTES */
    int must_exist;           /* 1: do not create the keygroup; ENOKI_ENOTFOUND if there is none */
    uint64_t timeout_ms;      /* of one call, where it can take long; 0: the URI's, else 5000 */
    enoki_state_log_fn log;   /* NULL: nobody is told */
    void *log_context;
};

#define ENOKI_STATE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(struct enoki_state_options), "embedded:./enoki-state", NULL, NULL,                  \
            ENOKI_KEYGROUP_ANY, 0, 0, 0, NULL, NULL                                                \
    }

struct enoki_state;
struct enoki_items;
struct enoki_version;

/*
 * Opens, and creates if missing, a keygroup. Many processes may have the same one open.
 *
 * ENOKI_EINVAL    the URI or a name is malformed, or both are missing (the message shows the
 *                 allowed form)
 * ENOKI_EKIND     the keygroup exists with the other kind
 * ENOKI_ENOTFOUND must_exist is set and there is no such keygroup
 * ENOKI_EFORMAT   a store of an unknown format version, left untouched
 * ENOKI_ETLS      certificate, key or CA is missing, unreadable, expired or does not fit
 * ENOKI_EUNAVAILABLE  no FReD node answered in time
 * ENOKI_EDENIED   the user may not use the keygroup, or not create it
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_open(struct enoki_state **out,
                                                const struct enoki_state_options *options,
                                                struct enoki_error *err);

/* Releases the handle; no call may be in progress. NULL is allowed. */
ENOKI_API void enoki_state_free(struct enoki_state *state);

/*
 * Calls that begin from now on end by then, in milliseconds of CLOCK_MONOTONIC, even if their own
 * timeout is longer. UINT64_MAX, the value at first: no such deadline. A runtime sets that of the
 * invocation.
 */
ENOKI_API void enoki_state_set_deadline(struct enoki_state *state, uint64_t deadline_ms);

/* The kind and the name of the opened keygroup; the name is borrowed until the handle is freed. */
ENOKI_API enum enoki_keygroup_kind enoki_state_kind(const struct enoki_state *state);
ENOKI_API const char *enoki_state_keygroup(const struct enoki_state *state);
/* The longest value that it takes, in bytes. */
ENOKI_API uint64_t enoki_state_max_value(const struct enoki_state *state);

/*
 * Reads every sibling of one item.
 *
 * ENOKI_ENOTFOUND  the id was never written here, or is removed
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_read(struct enoki_state *state, const char *id,
                                                struct enoki_items **out, struct enoki_error *err);

/*
 * Reads at most count ids in key order from start on, each with all its siblings, which stand
 * next to each other. Removed items are skipped. start must have been written once; a removed
 * start is a valid start. NULL starts at the first id: embedded stores only, FReD needs a start.
 * keys hands out ids and versions without values (length 0).
 *
 * ENOKI_EINVAL     count is 0
 * ENOKI_ELIMIT     count is above ENOKI_SCAN_MAX, or the result above ENOKI_SCAN_MAX_BYTES: ask for
 *                  fewer and go on from the last id
 * ENOKI_ENOTFOUND  start was never written
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_scan(struct enoki_state *state, const char *start,
                                                uint64_t count, struct enoki_items **out,
                                                struct enoki_error *err);
ENOKI_API ENOKI_MUST_CHECK int enoki_state_keys(struct enoki_state *state, const char *start,
                                                uint64_t count, struct enoki_items **out,
                                                struct enoki_error *err);

/* What a write requires to be there. NULL in its place: nothing is required, the write supersedes
 * every version that this side has seen, and never fails for a conflict. */
struct enoki_expect {
    size_t size; /* sizeof(struct enoki_expect) */
    /* The versions of these items, as a read or scan returned them, must be all that is there;
     * entries of other ids are ignored. NULL, or none of this id: the id must not exist (never
     * written, or removed). Borrowed for the call. */
    const struct enoki_items *items;
};

/*
 * Writes one value over all siblings.
 *
 * ENOKI_ECONFLICT   expect is given and something else is there; nothing was written
 * ENOKI_EUNCERTAIN  expect is given, the answer was lost and cannot be found out
 * ENOKI_EINVAL      the value is empty
 * ENOKI_EKIND       the keygroup is append-only
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_update(struct enoki_state *state, const char *id,
                                                  const void *value, size_t value_len,
                                                  const struct enoki_expect *expect,
                                                  struct enoki_error *err);

/*
 * Removes an item: leaves a tombstone that supersedes all siblings. Removing a removed item
 * succeeds.
 *
 * ENOKI_ENOTFOUND  the id was never written
 * ENOKI_ECONFLICT, ENOKI_EUNCERTAIN, ENOKI_EKIND  as for update
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_remove(struct enoki_state *state, const char *id,
                                                  const struct enoki_expect *expect,
                                                  struct enoki_error *err);

/* Room for the id that append makes: decimal digits and the NUL. */
#define ENOKI_APPEND_ID_BYTES 24

/*
 * Adds an item to an append-only keygroup, under a new id: the time in nanoseconds since 1970,
 * moved forward until it is free. The digits are written to id_out.
 *
 * ENOKI_EKIND  the keygroup is mutable
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_append(struct enoki_state *state, const void *value,
                                                  size_t value_len,
                                                  char id_out[ENOKI_APPEND_ID_BYTES],
                                                  struct enoki_error *err);

/* What a modify callback decides. */
enum enoki_modify {
    ENOKI_MODIFY_KEEP = 0,   /* leave everything as it is */
    ENOKI_MODIFY_WRITE = 1,  /* write *value_out */
    ENOKI_MODIFY_REMOVE = 2, /* remove the item */
};

/*
 * Looks at all siblings (NULL: the item does not exist) and decides what replaces them. May run
 * several times for one modify, with newer siblings each time, so it must have no other effect.
 * *value_out is read right after the callback returns; it may point into items or into context.
 * A negative code makes modify return that code and write nothing.
 */
typedef int (*enoki_modify_fn)(void *context, const struct enoki_items *items,
                               const void **value_out, size_t *value_len_out,
                               struct enoki_error *err);

/*
 * Read-merge-write without losing anybody's write: calls modify, writes its result only if nothing
 * changed meanwhile, and repeats else.
 *
 * The callback's own negative code; ENOKI_EUNCERTAIN, ENOKI_EKIND as for update.
 * ENOKI_ETIMEOUT  others were faster for 10 s without a break
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_modify(struct enoki_state *state, const char *id,
                                                  enoki_modify_fn modify, void *context,
                                                  struct enoki_error *err);

/*
 * Takes over a version that was made elsewhere, by replication rules (FReD's peer write): dropped
 * if a version that covers it is there, older ones are replaced, concurrent ones stay as siblings.
 * value NULL imports a tombstone.
 *
 * ENOKI_EINVAL  the version is empty on a mutable keygroup, or the store is not embedded: FReD
 * takes versions from its nodes only
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_state_import(struct enoki_state *state, const char *id,
                                                  const struct enoki_version *version,
                                                  const void *value, size_t value_len,
                                                  struct enoki_error *err);

/* --- what reads hand out: a list of entries, one per sibling -------------------------------- */

/* Releases the list and all that it handed out. NULL is allowed. */
ENOKI_API void enoki_items_free(struct enoki_items *items);

/* 1 if the replica that answered is behind what this session has seen; only with stale=any. */
ENOKI_API int enoki_items_is_stale(const struct enoki_items *items);

/* Number of entries; 0 for NULL. An index below must be smaller: that is not checked. */
ENOKI_API size_t enoki_items_count(const struct enoki_items *items);

/* Borrowed until the list is freed. A value is followed by a NUL that its length does not count;
 * len_out may be NULL. */
ENOKI_API const char *enoki_items_id(const struct enoki_items *items, size_t index);
ENOKI_API const void *enoki_items_value(const struct enoki_items *items, size_t index,
                                        size_t *len_out);
ENOKI_API const struct enoki_version *enoki_items_version(const struct enoki_items *items,
                                                          size_t index);

/* --- versions: vector clocks ---------------------------------------------------------------- */

enum enoki_order {
    ENOKI_ORDER_EQUAL = 0,
    ENOKI_ORDER_BEFORE = 1,     /* the first is older: the second covers it */
    ENOKI_ORDER_AFTER = 2,      /* the first is newer */
    ENOKI_ORDER_CONCURRENT = 3, /* neither has seen the other */
};

/*
 * Makes a version of its text form, "node=counter,node=counter"; "" is the empty clock. At most
 * 1024 nodes; a node's name is 1 to 255 bytes without '=', ',' and '|'. On success *out is owned by
 * the caller: enoki_version_free().
 *
 * ENOKI_EINVAL  not of that form, or a node twice
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_version_parse(struct enoki_version **out, const char *text,
                                                   struct enoki_error *err);
ENOKI_API void enoki_version_free(struct enoki_version *version);

/* Entries, sorted by node name. The node is borrowed until the version is freed. */
ENOKI_API size_t enoki_version_count(const struct enoki_version *version);
ENOKI_API const char *enoki_version_node(const struct enoki_version *version, size_t index,
                                         uint64_t *counter_out);

/* FReD's order: an entry that the other lacks counts as larger, even with the value 0. */
ENOKI_API enum enoki_order enoki_version_compare(const struct enoki_version *a,
                                                 const struct enoki_version *b);

#endif
