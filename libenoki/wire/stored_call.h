/*
 * stored_call.h - an accepted asynchronous call as bytes on a disk. No I/O; what is read is
 * foreign: an older version's, or damaged.
 *
 * Encoded: format (u8, 1), version of the frames (u8), length of the function's name (u16),
 * checksum (u32) of what follows; the name; the payload of a CALL (proto/frame.md). Integers are
 * little-endian.
 *
 * Memory   What is read is borrowed from the bytes; texts need not end in a NUL.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_STORED_CALL_H
#define EN_STORED_CALL_H

#include "wire/frame_invoke.h"

struct en_stored_call {
    struct en_text function; /* its name */
    struct en_frame_call call;
};

/* Appends the whole, or nothing. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_stored_call_write(struct en_buffer *out, const struct en_stored_call *call);

/* headers is room for EN_HEADERS_MAX. ENOKI_EFORMAT: damaged, or of another version. */
ENOKI_MUST_CHECK int en_stored_call_read(const void *bytes, size_t len, struct en_stored_call *out,
                                         struct en_header *headers);

#endif
