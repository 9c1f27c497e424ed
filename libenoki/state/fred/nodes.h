/*
 * nodes.h - the FReD nodes that a keygroup can be reached at, and which one to ask next.
 *
 * The own node is the first address of the URI. Others are the URI's other addresses and the
 * keygroup's members, asked of FReD at most every two minutes. A node that failed is left alone for
 * a moment that doubles with each failure, and asked again after it; latency decides among the
 * others.
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_FRED_NODES_H
#define EN_FRED_NODES_H

#include "rpc/fred.h"
#include "state/backend.h"

#include <enoki/tls.h>

struct en_fred_nodes;
struct en_fred_peer; /* one connection to one node */

#define EN_FRED_NODES_MAX 32u

struct en_fred_nodes_options {
    const struct en_fred_api *api;
    const char *addresses; /* "HOST:PORT[,HOST:PORT...]" */
    const char *node;      /* id of the own one; NULL: found in FReD's list */
    const char *tls;       /* folder */
    const char *user;
    const char *keygroup;
    struct en_notify notify;
};

/* ENOKI_EINVAL, ENOKI_ETLS, ENOKI_EIO, ENOKI_ENOMEM. Does not connect. */
ENOKI_MUST_CHECK int en_fred_nodes_new(struct en_fred_nodes **out,
                                       const struct en_fred_nodes_options *options,
                                       struct enoki_error *err);
/* No peer may be held. NULL is allowed. */
void en_fred_nodes_free(struct en_fred_nodes *nodes);

/* Renewed certificates are taken up, expired ones refused: looks at most once a second. ENOKI_ETLS
 */
ENOKI_MUST_CHECK int en_fred_nodes_check_tls(struct en_fred_nodes *nodes, struct enoki_error *err);

/*
 * The rank-th best node to ask, 0 being the best: the own one unless it failed, then the others by
 * latency, then those that failed. NULL: there are fewer. To be given back.
 */
struct en_fred_peer *en_fred_peer_get(struct en_fred_nodes *nodes, size_t rank);
/* Members of the keygroup, in no order. */
struct en_fred_peer *en_fred_member_get(struct en_fred_nodes *nodes, size_t index);
void en_fred_peer_release(struct en_fred_peer *peer);

struct en_fred_link *en_fred_peer_link(const struct en_fred_peer *peer);
/* Its items expire. */
bool en_fred_peer_forgets(const struct en_fred_peer *peer);

/* Tells how a call that took so long ended; true if another node should be asked instead. */
bool en_fred_peer_note(struct en_fred_peer *peer, enum en_fred_result result, uint64_t duration_ms);

/* How many nodes there are to ask, and members to be asked by en_fred_member_get(). */
size_t en_fred_nodes_count(struct en_fred_nodes *nodes);

/* The own node's id, found if need be; copied. Members are learned if they are older than two
 * minutes, or force. A result that is not OK leaves what was known. */
enum en_fred_result en_fred_nodes_find_own(struct en_fred_nodes *nodes, uint64_t deadline_ms,
                                           char out[256], struct enoki_error *err);
enum en_fred_result en_fred_nodes_refresh(struct en_fred_nodes *nodes, uint64_t deadline_ms,
                                          bool force, struct enoki_error *err);
/* Of the last refresh. */
bool en_fred_nodes_is_mutable(const struct en_fred_nodes *nodes);
bool en_fred_nodes_own_is_member(struct en_fred_nodes *nodes);

#endif
