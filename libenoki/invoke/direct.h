/*
 * direct.h - an answer that goes straight to the function that called (proto/frame.md), past the
 * loop that took the call: one wake-up less on its way.
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_DIRECT_H
#define EN_DIRECT_H

#include "invoke/request.h"

/* Appends an ANSWER frame. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_reply_put_answer(struct en_buffer *out, uint64_t call,
                                         const struct en_reply *reply);

/* Sends the ANSWER of that call on the caller's connection, on which nothing else waits to be sent.
 * False: it is too long for that, or there is no room; nothing was sent. */
bool en_direct_answer(int fd, uint64_t call, const struct en_reply *reply);

#endif
