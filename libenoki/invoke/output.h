/*
 * output.h - what a connection has to send; answers collect here and leave in one send.
 *
 * Memory   one heap block.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_OUTPUT_H
#define EN_OUTPUT_H

#include "base/buffer.h"
#include "base/transport.h"

#include <stdbool.h>

struct en_output {
    struct en_buffer bytes;
    size_t sent;                    /* of bytes */
    struct en_transport *transport; /* NULL: the socket itself; borrowed */
};

static inline bool en_output_is_empty(const struct en_output *output)
{
    return output->sent == output->bytes.len;
}

/*
 * Sends what is there, and then body, as far as the socket takes it without blocking; what is left
 * of the body is copied. *progress_out: something was sent.
 *
 * ENOKI_ECLOSED  the other side is gone; ENOKI_ENOMEM, ENOKI_ELIMIT
 */
ENOKI_MUST_CHECK int en_output_send(struct en_output *output, int fd, const void *body,
                                    size_t body_len, bool *progress_out);

/* Gives memory back that an idle connection does not need. */
void en_output_shrink(struct en_output *output);

#endif
