/*
 * exchange.h - frames of proto/frame.md over a connected stream socket, without a loop: a thread
 * sends one and waits for what answers it, as long as it has time.
 *
 *   en_frame_..._put(&exchange.output, ...);
 *   rc = en_exchange_send(&exchange, end_ms);
 *   if (rc == 0) rc = en_exchange_receive(&exchange, end_ms, &head);
 *   use(en_exchange_payload(&exchange), head.len);
 *   en_exchange_drop(&exchange, &head);
 *
 * Memory   An exchange owns its socket and its buffers.
 * Threads  one at a time.    Fork  after.
 */
#ifndef EN_EXCHANGE_H
#define EN_EXCHANGE_H

#include "wire/frame.h"

struct en_exchange {
    int fd;
    size_t max_payload_bytes; /* of a frame that arrives */
    struct en_buffer input;   /* what arrived and was not dropped; a frame begins in front */
    struct en_buffer output;  /* what is to be sent */
};

void en_exchange_init(struct en_exchange *exchange, int fd, size_t max_payload_bytes,
                      size_t max_output_bytes);
void en_exchange_fini(struct en_exchange *exchange);

/* Sends all that is in output and keeps it there. ENOKI_ETIMEOUT: a part may be sent;
 * ENOKI_ECLOSED */
ENOKI_MUST_CHECK int en_exchange_send(struct en_exchange *exchange, uint64_t end_ms);

/* Until a whole frame is in front; end_ms 0: only what is here already. ENOKI_ETIMEOUT,
 * ENOKI_ECLOSED, ENOKI_EPROTO (what came is no frame, or too long), ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_exchange_receive(struct en_exchange *exchange, uint64_t end_ms,
                                         struct en_frame_head *head);
/* Of the frame in front; borrowed until that is dropped. */
const char *en_exchange_payload(const struct en_exchange *exchange);
/* The frame in front goes. */
void en_exchange_drop(struct en_exchange *exchange, const struct en_frame_head *head);
/* Empties output; large memory is given back. */
void en_exchange_clear_output(struct en_exchange *exchange);

#endif
