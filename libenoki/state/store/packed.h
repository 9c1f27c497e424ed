/*
 * packed.h - an operation as bytes, to hand it to another process through shared memory. No I/O.
 *
 * Packed: kind (u8), flags (u8: 1 expects, 2 has a value), length of id (u16) and node (u16),
 * number of versions (u16), length of the value (u32); id and NUL, node and NUL, versions, value.
 * Integers are little-endian.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_PACKED_H
#define EN_PACKED_H

#include "state/store/apply.h"

#define EN_PACKED_BYTES 4096u
#define EN_PACKED_VERSIONS 64u

/* The length, or 0 if the operation does not fit. */
size_t en_op_pack(const struct en_op *op, unsigned char bytes[EN_PACKED_BYTES]);

/* An operation, and room for its versions; it borrows the bytes it was made of. */
struct en_unpacked {
    struct en_op op;
    struct en_version_view versions[EN_PACKED_VERSIONS];
};

/* Trusts nothing: user code shares the address space of those who pack. ENOKI_EFORMAT */
ENOKI_MUST_CHECK int en_op_unpack(const unsigned char *bytes, size_t len, struct en_unpacked *out);

#endif
