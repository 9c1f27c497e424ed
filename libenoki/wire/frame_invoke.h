/*
 * frame_invoke.h - frames of proto/frame.md that carry calls of functions. No I/O; what is read is
 * foreign.
 *
 * Memory   What is taken is borrowed from the frame; texts need not end in a NUL.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_FRAME_INVOKE_H
#define EN_FRAME_INVOKE_H

#include "wire/frame.h"
#include "wire/message.h"

struct en_frame_start {
    struct en_text worker, function, folder, keygroup;
    uint32_t variable_count; /* that follow: en_frame_variable_put(), _take() */
};

struct en_frame_call {
    uint64_t time_ms;
    bool is_async;
    struct en_text method, subpath, query, body;
    const struct en_header *headers; /* at most EN_HEADERS_MAX */
    size_t header_count;
};

struct en_frame_answer {
    uint16_t status;
    bool is_ours; /* the runtime gave it in the function's place */
    const struct en_header *headers; /* at most EN_HEADERS_MAX */
    size_t header_count;
    struct en_text body;
};

/* A call of another function, that a host asks for. */
struct en_frame_invoke {
    uint64_t in_call; /* in whose name */
    uint64_t time_ms;
    bool is_async;
    struct en_text name, method, subpath, query, body;
    const struct en_header *headers; /* at most EN_HEADERS_MAX */
    size_t header_count;
};

/* Each appends a whole frame, or nothing: ENOKI_ENOMEM, ENOKI_ELIMIT. Each take: ENOKI_EPROTO. */
ENOKI_MUST_CHECK int en_frame_hello_put(struct en_buffer *out);
ENOKI_MUST_CHECK int en_frame_hello_take(struct en_frame_reader *reader);

/* variables is start->variable_count names and values in turn. */
ENOKI_MUST_CHECK int en_frame_start_put(struct en_buffer *out, const struct en_frame_start *start,
                                        const struct en_text *variables);
/* What is left of the reader is the variables, each to be taken in turn. */
ENOKI_MUST_CHECK int en_frame_start_take(struct en_frame_reader *reader,
                                         struct en_frame_start *start);
void en_frame_variable_take(struct en_frame_reader *reader, struct en_text *name,
                            struct en_text *value);

ENOKI_MUST_CHECK int en_frame_call_put(struct en_buffer *out, uint64_t call,
                                       const struct en_frame_call *frame);
/* headers is room for EN_HEADERS_MAX. */
ENOKI_MUST_CHECK int en_frame_call_take(struct en_frame_reader *reader, struct en_frame_call *frame,
                                        struct en_header *headers);

ENOKI_MUST_CHECK int en_frame_answer_put(struct en_buffer *out, uint64_t call,
                                         const struct en_frame_answer *frame);
ENOKI_MUST_CHECK int en_frame_answer_take(struct en_frame_reader *reader,
                                          struct en_frame_answer *frame, struct en_header *headers);

ENOKI_MUST_CHECK int en_frame_invoke_put(struct en_buffer *out, uint64_t call,
                                         const struct en_frame_invoke *frame);
ENOKI_MUST_CHECK int en_frame_invoke_take(struct en_frame_reader *reader,
                                          struct en_frame_invoke *frame, struct en_header *headers);

ENOKI_MUST_CHECK int en_frame_failed_put(struct en_buffer *out, uint64_t call, int status,
                                         const char *sentence);
ENOKI_MUST_CHECK int en_frame_failed_take(struct en_frame_reader *reader, int *status,
                                          struct en_text *sentence);

/* A frame without fields. */
ENOKI_MUST_CHECK int en_frame_empty_put(struct en_buffer *out, enum en_frame_type type,
                                        uint64_t call);

#endif
