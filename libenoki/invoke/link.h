/*
 * link.h - a caller's end of proto/frame.md's "calls between functions": one connection to whoever
 * runs a function, one call on it at a time.
 *
 * Threads  one at a time.    Fork  after; a child must not use its parent's.
 */
#ifndef EN_LINK_H
#define EN_LINK_H

#include "invoke/answer.h"
#include "wire/frame_invoke.h"

enum en_link_kind {
    EN_LINK_DIRECT = 1,  /* to the function's runtime, if one is ready */
    EN_LINK_BY_DOOR = 2, /* the front door runs the call */
};

struct en_link;

/* Has the front door take one end of a new connection to a function. routes is ENOKI_ROUTES_FD's.
 * ENOKI_ECLOSED (the front door is gone), ENOKI_ETIMEOUT, ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_link_new(struct en_link **out, int routes, enum en_link_kind kind,
                                 const char *function, uint64_t end_ms);
/* NULL is allowed. */
void en_link_free(struct en_link *link);

/* Nothing came since the last call: the other side is there and takes calls. */
bool en_link_is_open(struct en_link *link);

/*
 * Sends a call and waits for its answer. After a failure, and if *may_stay_out is false, the link
 * is of no more use.
 *
 * ENOKI_ECLOSED   the call was not taken, and can go another way
 * ENOKI_ETIMEOUT  end_ms came first
 * ENOKI_EPROTO, ENOKI_ENOMEM, and what the other side says is wrong, in *err
 */
ENOKI_MUST_CHECK int en_link_call(struct en_link *link, const struct en_frame_call *call,
                                  uint64_t end_ms, struct enoki_answer **out, bool *may_stay_out,
                                  struct enoki_error *err);

#endif
