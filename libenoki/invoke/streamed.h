/*
 * streamed.h - an answer of a site of the server's own that is sent as it comes: a log that is
 * followed.
 *
 *   en_reply_init(&head, 0), en_reply_add_header(...)
 *   en_invocation_stream(inv, &head, gone, self, &streamed)    inv is consumed
 *   en_streamed_write(streamed, line, len)                     as often as there is something
 *   en_streamed_end(streamed)                                  unless gone() was called before
 *
 * Nothing here waits: what the client does not read is kept, so whoever writes looks at
 * en_streamed_unsent() first. A server that drains waits for streamed answers to end.
 *
 * Threads  loop thread.
 */
#ifndef EN_STREAMED_H
#define EN_STREAMED_H

#include "invoke/invocation.h"

/* head has status and headers, Content-Type among them; borrowed for the call. gone() may be called
 * from any later event, not from the calls below. On failure the call is the caller's still.
 * ENOKI_EINVAL: who asked gets whole answers only; ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_invocation_stream(struct enoki_invocation *invocation,
                                          const struct en_reply *head, en_gone_fn gone,
                                          void *context, struct en_streamed **out);

void en_streamed_write(struct en_streamed *streamed, const void *data, size_t len);
/* Bytes that the client has not taken yet. */
size_t en_streamed_unsent(const struct en_streamed *streamed);
/* Frees the handle; gone() is not called. */
void en_streamed_end(struct en_streamed *streamed);

#endif
