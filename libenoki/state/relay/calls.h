/*
 * calls.h - one state call of a frame, run on a handle; one answer, as a frame.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_RELAY_CALLS_H
#define EN_RELAY_CALLS_H

#include "wire/frame.h"

#include <enoki/state.h>

/* Longest payloads, of proto/frame.md. */
#define EN_RELAY_REQUEST_MAX_BYTES (8u << 20)
#define EN_RELAY_ANSWER_MAX_BYTES (288u << 20)

/* Runs the call, and appends its answer. ENOKI_EPROTO: it is no call; ENOKI_ENOMEM, ENOKI_ELIMIT.
 */
ENOKI_MUST_CHECK int en_relay_run(struct enoki_state *state, const struct en_frame_head *head,
                                  const void *payload, struct en_buffer *out);

/* Appends FAILED. */
ENOKI_MUST_CHECK int en_relay_fail(struct en_buffer *out, uint64_t call,
                                   const struct enoki_error *err);

/* A FAILED frame's payload, into *err; the status. ENOKI_EPROTO if it cannot be read. */
int en_relay_failure(const void *payload, size_t len, struct enoki_error *err);

/* An ITEMS frame's payload as items. ENOKI_EPROTO, ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_relay_items(const void *payload, size_t len, struct enoki_items **out);

#endif
