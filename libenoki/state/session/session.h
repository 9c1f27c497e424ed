/*
 * session.h - what one side has seen of a keygroup, so that it never goes back in time: per id the
 * newest versions that it has read or written, an antichain (ALExANDRA's seen set; the rules are
 * those of its cover check and its add).
 *
 *   struct en_seen seen;
 *   en_session_seen(session, id, &seen)               before the call to a replica
 *   ...                                               a read returned versions
 *   en_session_learn(session, id, &seen, ...)         0, or ENOKI_ESTALE: that replica is behind
 *   en_seen_fini(&seen)
 *
 * The check is against what was seen when the call began: what other workers learn meanwhile does
 * not make its answer stale. Everything is kept in memory; with a folder it is also on disk: what
 * was learned survives kill -9 of this process at once, without a system call on the way of the
 * calls. Power loss can cost the last moments; with durable the session knows that, and
 * en_session_is_in_doubt() is true for the ids until every replica was asked once.
 *
 * Memory   Bounded by age: an id that nobody touched for max_age_ms is forgotten.
 * Threads  any thread; ids do not wait for each other, and no lock is held over a remote call.
 * Fork     after.
 */
#ifndef EN_SESSION_H
#define EN_SESSION_H

#include "state/backend.h"
#include "wire/version.h"

struct en_session;

/* Replicas lag by seconds, rarely minutes. */
#define EN_SESSION_MAX_AGE_MS 3600000u

struct en_session_options {
    const char *folder; /* DIR; the session is DIR/KEYGROUP.session/. NULL: in memory only */
    const char *keygroup;
    bool durable;        /* lose as little as can be by power loss */
    uint64_t max_age_ms; /* 0: EN_SESSION_MAX_AGE_MS */
    const char *boot_id; /* NULL: this machine's */
    struct en_notify notify;
};

/*
 * Opens, and creates if missing. On success *out is owned by the caller: en_session_close().
 *
 * ENOKI_ECLOSED   another process has it open (the message names the folder)
 * ENOKI_ENOSPACE, ENOKI_EIO, ENOKI_EFORMAT, ENOKI_ENOMEM
 */
ENOKI_MUST_CHECK int en_session_open(struct en_session **out,
                                     const struct en_session_options *options,
                                     struct enoki_error *err);
/* No call may be in progress. NULL is allowed. */
void en_session_close(struct en_session *session);

/* A copy of what was seen of one id. */
struct en_seen {
    size_t count;
    struct en_version_view *versions; /* NULL if count is 0 */
    bool is_removed;                  /* all that was seen are removals */
    void *memory;
    /* Room for the usual case, so that a look costs no allocation. */
    struct en_version_view few[4];
    unsigned char room[256];
};

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_session_seen(struct en_session *session, const char *id,
                                     struct en_seen *out);
void en_seen_fini(struct en_seen *seen);

/* True if every version of seen is covered by one of versions: the answer is not behind. */
bool en_seen_is_covered(const struct en_seen *seen, const struct en_version_view *versions,
                        size_t count);

/*
 * An answer has come: checks it against seen, and adds what is new. Versions that are older than
 * what others have learned meanwhile are passed over. is_removed: they are tombstones.
 *
 * ENOKI_ESTALE    seen is not covered; nothing was added
 * ENOKI_ENOMEM, ENOKI_ENOSPACE, ENOKI_EIO  it cannot be kept: the answer must not be given
 */
ENOKI_MUST_CHECK int en_session_learn(struct en_session *session, const char *id,
                                      const struct en_seen *seen,
                                      const struct en_version_view *versions, size_t count,
                                      bool is_removed);

/* Adds without a check, as from a scan that returned an older version of some id next to others. */
ENOKI_MUST_CHECK int en_session_add(struct en_session *session, const char *id,
                                    struct en_version_view version, bool is_removed);

/*
 * A write that was sent with the versions of seen (none: one empty clock) has made a version:
 * it takes the place of those.
 */
ENOKI_MUST_CHECK int en_session_wrote(struct en_session *session, const char *id,
                                      const struct en_seen *seen, struct en_version_view made,
                                      bool is_removed);

/* After power loss: what was seen of id may be missing here. en_session_confirm() ends it, once the
 * versions of all replicas were learned. */
bool en_session_is_in_doubt(struct en_session *session, const char *id);
ENOKI_MUST_CHECK int en_session_confirm(struct en_session *session, const char *id);

/* Forgets everything, on disk too: the keygroup was deleted. */
ENOKI_MUST_CHECK int en_session_clear(struct en_session *session);

struct en_session_numbers {
    uint64_t items;
    uint64_t bytes;   /* of memory */
    uint64_t evicted; /* since it was opened */
};

struct en_session_numbers en_session_numbers(struct en_session *session);

#endif
