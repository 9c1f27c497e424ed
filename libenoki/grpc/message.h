/*
 * message.h - what a gRPC call says as HTTP has it, and back; no gRPC in it.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_GRPC_MESSAGE_H
#define EN_GRPC_MESSAGE_H

#include "base/buffer.h"
#include "invoke/listener.h"
#include "rpc/arena.h"

/* A decoded Data, in the arena. */
struct en_grpc_data {
    struct en_rpc_arena arena;
    struct en_text function;
    struct en_text body;
};

/* NULL, or why it is refused; 'arena' must be released (en_rpc_arena_fini) in any case. */
const char *en_grpc_data_read(struct en_grpc_data *out, const void *bytes, size_t len);

/* Appends a Response. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_grpc_response_write(struct en_buffer *out, const struct en_text *body);

struct en_grpc_headers {
    struct en_buffer texts;
    struct en_header headers[EN_HEADERS_MAX];
    size_t count;
};

/* Adds one as tinyFaaS names it: user-agent is User-Agent. What was added before by that name, what
 * is no header of HTTP and what does not fit is left out. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_grpc_headers_add(struct en_grpc_headers *headers, const char *name,
                                         size_t name_len, const void *value, size_t value_len);
/* Once all are added: the texts do not move any more. */
void en_grpc_headers_settle(struct en_grpc_headers *headers);

/* The code (RFC-less; grpc.status) that stands for an answer: 0 is OK. */
int en_grpc_code(const struct en_listener_answer *answer);

#endif
