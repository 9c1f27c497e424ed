/*
 * trace.h - W3C trace context, level 1: the header traceparent. No I/O: randomness is an input.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_TRACE_H
#define EN_TRACE_H

#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

#define EN_TRACE_RANDOM_BYTES 24u /* of a trace id and a span id */
#define EN_TRACE_SPAN_BYTES 8u
#define EN_TRACE_ID_CHARS 32u
#define EN_TRACE_PARENT_CHARS 55u /* "00-TRACE-SPAN-FLAGS" */

struct en_trace {
    char id[EN_TRACE_ID_CHARS + 1]; /* lower-case hex, never all zero */
    char flags[3];
};

/* Takes a header's value; false if it is none that may be gone on with. */
bool en_trace_parse(struct en_text value, struct en_trace *out);

/* A new one, not sampled. The first 16 bytes are used. */
void en_trace_make(const uint8_t random[EN_TRACE_RANDOM_BYTES], struct en_trace *out);

/* The header for a call: the trace with a span id of its own. NUL-terminated. */
void en_trace_format(const struct en_trace *trace, const uint8_t span[EN_TRACE_SPAN_BYTES],
                     char out[EN_TRACE_PARENT_CHARS + 1]);

#endif
