/*
 * frame.h - frames of proto/frame.md as bytes, and the fields inside them. No I/O; what is read is
 * foreign.
 *
 * Memory   Fields that are read are borrowed from the frame.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_FRAME_H
#define EN_FRAME_H

#include "base/buffer.h"

#include <stdbool.h>

#define EN_FRAME_HEAD_BYTES 16u
#define EN_FRAME_VERSION 1u
#define EN_FRAME_MAGIC "enok"

enum en_frame_type {
    EN_FRAME_HELLO = 1,
    EN_FRAME_WELCOME = 2,
    EN_FRAME_FAILED = 3,
    EN_FRAME_READ = 16,
    EN_FRAME_SCAN = 17,
    EN_FRAME_KEYS = 18,
    EN_FRAME_UPDATE = 19,
    EN_FRAME_REMOVE = 20,
    EN_FRAME_APPEND = 21,
    EN_FRAME_DONE = 32,
    EN_FRAME_ITEMS = 33,
    EN_FRAME_APPENDED = 34,
    EN_FRAME_START = 64,
    EN_FRAME_READY = 65,
    EN_FRAME_CALL = 66,
    EN_FRAME_ANSWER = 67,
    EN_FRAME_CANCEL = 68,
    EN_FRAME_LOG = 69,
    EN_FRAME_INVOKE = 70,
    EN_FRAME_RETIRE = 80,
};

struct en_frame_head {
    uint32_t len; /* of what follows the head */
    uint8_t type;
    uint64_t call;
};

/* bytes has at least EN_FRAME_HEAD_BYTES. ENOKI_EPROTO: flags or reserved bytes are set. */
ENOKI_MUST_CHECK int en_frame_head_read(const void *bytes, struct en_frame_head *out);

/* Appends a head whose length en_frame_end() fills in: *at_out is where it stands. */
ENOKI_MUST_CHECK int en_frame_begin(struct en_buffer *out, enum en_frame_type type, uint64_t call,
                                    size_t *at_out);
/* ENOKI_ELIMIT: longer than a frame can be. */
ENOKI_MUST_CHECK int en_frame_end(struct en_buffer *out, size_t at);

ENOKI_MUST_CHECK int en_frame_put_u8(struct en_buffer *out, uint8_t value);
ENOKI_MUST_CHECK int en_frame_put_u16(struct en_buffer *out, uint16_t value);
ENOKI_MUST_CHECK int en_frame_put_u32(struct en_buffer *out, uint32_t value);
ENOKI_MUST_CHECK int en_frame_put_u64(struct en_buffer *out, uint64_t value);
/* Length (u32) and bytes. */
ENOKI_MUST_CHECK int en_frame_put_bytes(struct en_buffer *out, const void *bytes, size_t len);

/* Reads fields in turn. After a failure all that follow fail too: one look at is_bad is enough. */
struct en_frame_reader {
    const unsigned char *at;
    size_t left;
    bool is_bad;
};

uint8_t en_frame_take_u8(struct en_frame_reader *reader);
uint16_t en_frame_take_u16(struct en_frame_reader *reader);
uint32_t en_frame_take_u32(struct en_frame_reader *reader);
uint64_t en_frame_take_u64(struct en_frame_reader *reader);
/* "" and 0 on failure. */
const void *en_frame_take_bytes(struct en_frame_reader *reader, size_t *len_out);
/* All was read, and well. */
bool en_frame_is_at_end(const struct en_frame_reader *reader);

#endif
