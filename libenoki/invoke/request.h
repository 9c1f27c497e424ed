/*
 * request.h - one request as a function sees it, and one reply as it is sent; protocol-free.
 *
 * Memory   A request is views into memory that somebody else owns; whoever hands it out says until
 *          when. A reply owns two buffers that are reused from call to call.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_REQUEST_H
#define EN_REQUEST_H

#include "base/buffer.h"
#include "wire/call.h"

#include <stdbool.h>

/* The first header of that name, any case; NULL if there is none. */
const struct en_text *en_request_header(const struct en_request *request, const char *name);

bool en_request_method_is(const struct en_request *request, const char *method);

/* What its caller still waits (X-Enoki-Timeout), in milliseconds; at most most_ms. */
uint64_t en_request_timeout_ms(const struct en_request *request, uint64_t most_ms);

#define EN_REPLY_HEADERS_MAX 64u
#define EN_REPLY_HEADERS_BYTES 16384u

struct en_reply {
    int status;
    bool has_content_type; /* one of headers is Content-Type */
    bool is_ours;          /* given in the function's place: it did not answer */
    size_t header_count;
    struct en_buffer headers; /* "Name: value\r\n" lines, checked */
    struct en_buffer body;
};

/* An empty 200 whose body may grow to max_body_bytes. */
void en_reply_init(struct en_reply *reply, size_t max_body_bytes);
/* Back to an empty 200; keeps a little memory for the next call. */
void en_reply_reset(struct en_reply *reply);
void en_reply_fini(struct en_reply *reply);

/* Errors and conditions as enoki_call_reply_header(). */
ENOKI_MUST_CHECK int en_reply_add_header(struct en_reply *reply, const char *name,
                                         const char *value, struct enoki_error *err);

/* The same for many, whose texts need not end in a NUL. ENOKI_EINVAL, ENOKI_ELIMIT, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_reply_add_headers(struct en_reply *reply, const struct en_header *headers,
                                          size_t count);

/* The headers that were added, as views; room for EN_REPLY_HEADERS_MAX. How many. */
size_t en_reply_split_headers(const struct en_reply *reply, struct en_header *headers);

/* Replaces everything by a plain-text reply; text longer than fits is cut. Cannot fail: without
 * memory the body stays empty. */
void en_reply_text(struct en_reply *reply, int status, const char *text);

/* A reply as it goes to another thread or process: views into it. */
struct en_answer_record en_reply_record(const struct en_reply *reply);
/* A reply of its own, to be released with en_reply_fini(), from such a record. Cannot fail: without
 * memory it is a 500 that says so. */
void en_reply_init_from(struct en_reply *reply, const struct en_answer_record *answer);

#endif
