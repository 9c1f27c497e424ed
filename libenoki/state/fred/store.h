/*
 * store.h - a keygroup at FReD as this process uses it, and the steps that its calls are made of.
 *
 *   fred.c    the backend's table; which handles share a store
 *   open.c    the keygroup's life: found, created, replicated, roles
 *   read.c    one item, checked against the session
 *   write.c   updates and removals, their conflicts and lost answers
 *   scan.c    many items, page by page
 *   append.c  append-only keygroups
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_FRED_STORE_H
#define EN_FRED_STORE_H

#include "state/fred/nodes.h"
#include "state/items.h"
#include "state/session/session.h"
#include "state/uri.h"
#include "tls/module.h"

#include <pthread.h>

/* Plain writes of one id go one after the other within a process: each names what the one before it
 * made, and none is refused for that. Ids share a few locks. */
#define EN_FRED_ORDERS 64u

struct en_fred_store {
    const struct en_fred_api *api;
    const struct en_tls_api *tls;
    struct en_fred_nodes *nodes;
    struct en_session *session;
    char *keygroup;
    enum enoki_keygroup_kind kind;
    enum en_stale stale;
    uint64_t expiry_s;
    struct en_notify notify;
    pthread_mutex_t orders[EN_FRED_ORDERS];
};

/* --- one try at one node -----------------------------------------------------------------------
 */

/* Where a call is on its way through the nodes. */
struct en_fred_try {
    struct en_fred_store *store;
    uint64_t deadline_ms;
    uint64_t begin_ms;
    uint64_t tried_ms; /* begin of the try that is made */
    unsigned rounds;   /* of all nodes */
    size_t rank;
    struct en_fred_peer *peer;
    bool may_stay; /* the last node is well: stay with it */
};

/* ENOKI_ETLS */
ENOKI_MUST_CHECK int en_fred_try_begin(struct en_fred_try *trial, struct en_fred_store *store,
                                       uint64_t deadline_ms, struct enoki_error *err);
/* The node to ask now; NULL: the time is over, *err has the last failure or is made ETIMEOUT. Waits
 * a little after every round. */
struct en_fred_link *en_fred_try_next(struct en_fred_try *trial, struct enoki_error *err);
/* When this try has to end, so that there is time for another node. */
uint64_t en_fred_try_deadline(const struct en_fred_try *trial);
/* What came of it; true: ask another node (or this one again, after a while). */
bool en_fred_try_note(struct en_fred_try *trial, enum en_fred_result result);
/* Asks this node again at the next try, or the next one although this one is well. */
void en_fred_try_stay(struct en_fred_try *trial);
void en_fred_try_move(struct en_fred_try *trial);
void en_fred_try_end(struct en_fred_try *trial);
/* Waits up to ms, not beyond the deadline; false if that has passed. */
bool en_fred_try_wait(const struct en_fred_try *trial, uint64_t ms);
uint64_t en_fred_try_waited_ms(const struct en_fred_try *trial);

/* Waits for the turn of a plain write, to be unlocked; NULL: the deadline came first. Out of turn a
 * write is refused and learns, no more. */
pthread_mutex_t *en_fred_turn_take(struct en_fred_store *store, const char *id,
                                   uint64_t deadline_ms);

/* --- what a node has of one item ---------------------------------------------------------------
 */

struct en_fred_current {
    struct en_fred_items live;
    struct en_version_view *versions; /* of all: live ones first, then tombstones */
    size_t count;
    size_t live_count;
    void *memory; /* the tombstones' */
};

/* Reads values and tombstones: two calls. OK also if there is nothing. */
enum en_fred_result en_fred_current_get(struct en_fred_store *store, struct en_fred_link *link,
                                        uint64_t deadline_ms, const char *id,
                                        struct en_fred_current *out, struct enoki_error *err);
void en_fred_current_fini(struct en_fred_store *store, struct en_fred_current *current);

/* Drops versions that another one covers, and repetitions. */
size_t en_fred_newest(struct en_version_view *versions, size_t count);

/* Items for the caller: values decoded. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_fred_make_items(struct en_fred_store *store,
                                        const struct en_fred_item *const *items, size_t count,
                                        bool with_values, bool is_stale, struct enoki_items **out);

/* --- the calls ---------------------------------------------------------------------------------
 */

int en_fred_read(struct en_fred_store *store, uint64_t deadline_ms, const char *id,
                 struct enoki_items **out, struct enoki_error *err);
int en_fred_scan(struct en_fred_store *store, uint64_t deadline_ms, const char *start,
                 uint64_t count, bool with_values, struct enoki_items **out,
                 struct enoki_error *err);
int en_fred_write(struct en_fred_store *store, uint64_t deadline_ms,
                  const struct en_backend_write *write, struct enoki_error *err);
int en_fred_append(struct en_fred_store *store, uint64_t deadline_ms, const void *value,
                   size_t value_len, char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err);

/* Finds, creates, replicates, grants, as settings say; sets the store's kind. */
int en_fred_open_keygroup(struct en_fred_store *store, const struct en_backend_settings *settings,
                          struct enoki_error *err);

/* Says that the session cannot be kept. */
int en_fred_session_error(int status, struct enoki_error *err);
/* Says what is missing. */
int en_fred_stale_error(const struct en_fred_try *trial, const char *id, const struct en_seen *seen,
                        struct enoki_error *err);

#endif
