/*
 * record.h - everything that is stored under one id, as bytes: all siblings and tombstones, each
 * with its version. No I/O.
 *
 * Encoded: format (u8, 1), 0 (u8), number of siblings (u16), checksum (u32) of what follows; then
 * per sibling: length of the value (u32; 0: a tombstone), version (wire/version.h), value.
 * Integers are little-endian.
 *
 * Reading checks every length; the checksum only en_record_verify() looks at, since it would
 * touch every byte of every read.
 *
 * Memory   Siblings that are read borrow the record's bytes.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_RECORD_H
#define EN_RECORD_H

#include "wire/version.h"

#define EN_RECORD_FORMAT 1u
#define EN_RECORD_SIBLINGS_MAX 256u
#define EN_RECORD_MAX_BYTES ((size_t)256 << 20)

struct en_sibling {
    struct en_version_view version;
    const void *value; /* NULL: a tombstone */
    size_t value_len;
};

/* A place in a record. */
struct en_record {
    const unsigned char *at;
    size_t left;       /* bytes */
    unsigned siblings; /* yet to come */
};

/* ENOKI_EFORMAT: not a record of this format. */
ENOKI_MUST_CHECK int en_record_open(struct en_record *record, const void *bytes, size_t len);

/* 1 and the next sibling, 0 after the last one, or ENOKI_EFORMAT. */
ENOKI_MUST_CHECK int en_record_next(struct en_record *record, struct en_sibling *out);

/* Checks the whole record: every sibling, nothing behind them, the checksum. ENOKI_EFORMAT */
ENOKI_MUST_CHECK int en_record_verify(const void *bytes, size_t len);

/* How many bytes en_record_write() needs for 1 to EN_RECORD_SIBLINGS_MAX siblings. ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_record_size(const struct en_sibling *siblings, size_t count,
                                    size_t *size_out);
void en_record_write(void *to, const struct en_sibling *siblings, size_t count);

#endif
