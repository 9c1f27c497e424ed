/*
 * call.h - a call and its answer as bytes between the processes of one runtime, of one build on
 * one machine: numbers are in its own byte order.
 *
 * Memory   Decoded parts are views into the bytes.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_CALL_H
#define EN_CALL_H

#include "base/buffer.h"
#include "wire/message.h"

#include <stdbool.h>

struct en_call_record {
    struct en_request request; /* headers: see decode */
    size_t subpath_len;        /* the last bytes of request.path */
};

/* Appends. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_call_encode(struct en_buffer *out, const struct en_call_record *call);

/* headers is room for EN_HEADERS_MAX; borrowed like the bytes. ENOKI_EPROTO */
ENOKI_MUST_CHECK int en_call_decode(struct en_call_record *call, struct en_header *headers,
                                    const char *bytes, size_t len);

struct en_answer_record {
    int status;
    bool has_content_type;
    bool is_ours; /* as in struct en_reply; not encoded */
    size_t header_count;
    struct en_text headers; /* complete lines; no NUL need follow */
    struct en_text body;    /* no NUL need follow */
};

/* The fixed part; headers and body follow it in this order. */
#define EN_ANSWER_HEAD_BYTES 32u
void en_answer_encode_head(char head[EN_ANSWER_HEAD_BYTES], const struct en_answer_record *answer);

/* ENOKI_EPROTO: also if the headers are not lines as we write them, since they are foreign: a
 * worker shares its memory with user code. */
ENOKI_MUST_CHECK int en_answer_decode(struct en_answer_record *answer, const char *bytes,
                                      size_t len);

#endif
