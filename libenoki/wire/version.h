/*
 * version.h - vector clocks as bytes, and the arithmetic on them. No I/O.
 *
 * Encoded: count (u16), then per node, sorted by the bytes of its name and each once: length of the
 * name (u8), the name, NUL, counter (u64). Integers are little-endian. Everything works on the
 * encoded form, so reading a version out of a stored record costs no allocation.
 *
 * Memory   Views borrow the bytes they were made of.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_VERSION_H
#define EN_VERSION_H

#include "base/buffer.h"

#include <enoki/state.h>

#include <stdbool.h>

#define EN_VERSION_NODES_MAX 1024u
#define EN_VERSION_NODE_MAX 255u
/* The longest encoded version. */
#define EN_VERSION_MAX_BYTES (2u + EN_VERSION_NODES_MAX * (1u + EN_VERSION_NODE_MAX + 1u + 8u))

/* An encoded version that en_version_view_read() or this module made, thus well formed. */
struct en_version_view {
    const unsigned char *bytes;
    size_t len;
};

/* What the public handle is: an encoded version with its length. */
struct enoki_version {
    uint32_t len;
    unsigned char bytes[];
};

/* The clock without entries. */
struct en_version_view en_version_empty(void);

struct en_version_view en_version_view(const struct enoki_version *version);

/* True if a node may be called so: 1 to 255 bytes without NUL, '=', ',' and '|'. */
bool en_version_is_node(const char *node, size_t len);

/* Checks foreign bytes that begin with an encoded version; *out->len says how long it is.
 * ENOKI_EFORMAT */
ENOKI_MUST_CHECK int en_version_view_read(const void *bytes, size_t len,
                                          struct en_version_view *out);

unsigned en_version_view_count(struct en_version_view version);

/* As enoki_version_compare(). */
enum enoki_order en_version_order(struct en_version_view a, struct en_version_view b);

/*
 * Appends to out the version of a write that has seen all the versions given: the larger counter
 * of every node, and one more for node. Counters of 0 count as absent, as in FReD.
 *
 * ENOKI_ELIMIT  the node's counter is at its end, or the result has more than 1024 nodes
 */
ENOKI_MUST_CHECK int en_version_supersede(const struct en_version_view *seen, size_t count,
                                          const char *node, struct en_buffer *out);

/* One entry of a clock; the node's name is NUL-terminated. */
struct en_version_entry {
    const char *node;
    uint64_t counter;
};

/* The first entries, as many as there is room for; their names are borrowed from the version. */
void en_version_entries(struct en_version_view version, struct en_version_entry *out, size_t room);

/*
 * Sorts the entries and appends the version that they make; of a node that is there twice the last
 * one counts, as in a protobuf map.
 *
 * ENOKI_EFORMAT  a node may not be called so; ENOKI_ELIMIT  more than 1024 of them; ENOKI_ENOMEM
 */
ENOKI_MUST_CHECK int en_version_build(struct en_version_entry *entries, size_t count,
                                      struct en_buffer *out);

/* Appends the text form, "node=counter,node=counter". ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_version_text(struct en_version_view version, struct en_buffer *out);

#endif
