/*
 * apply.h - what one write does to the record of its item: the rules of versions, siblings and
 * tombstones.
 *
 * Memory   Operations borrow what they point to.
 * Threads  one thread at a time per transaction.    Fork  safe.
 */
#ifndef EN_APPLY_H
#define EN_APPLY_H

#include "state/store/env.h"
#include "wire/record.h"

enum en_op_kind {
    EN_OP_WRITE = 1,  /* a value, or a tombstone, over everything that is there */
    EN_OP_APPEND = 2, /* a value under a new id */
    EN_OP_IMPORT = 3, /* a version made elsewhere */
};

struct en_op {
    enum en_op_kind kind;
    bool expects;     /* WRITE: only if exactly versions are there and not removed */
    const char *id;   /* NUL-terminated; APPEND: the first to try, decimal digits */
    const char *node; /* NUL-terminated; WRITE: who writes */
    const struct en_version_view *versions; /* IMPORT: the version */
    size_t version_count;
    const void *value; /* NULL: a tombstone */
    size_t value_len;
};

struct en_op_result {
    int status;                     /* 0 or what the contract says: ECONFLICT, ENOTFOUND, ... */
    char id[ENOKI_APPEND_ID_BYTES]; /* APPEND: the id it got */
};

/* Does it. The returned status is the transaction's (see env.h): if it is not 0, nothing in this
 * transaction counts. What became of the operation is in *result. */
ENOKI_MUST_CHECK int en_op_apply(struct en_env_write *write, const struct en_op *op,
                                 struct en_op_result *result);

/* An item's key: its id and '|', which gives LMDB's byte order FReD's order of ids. */
struct en_item_key {
    size_t len;
    char bytes[ENOKI_NAME_MAX + 1];
};

/* id was checked. */
void en_item_key_make(struct en_item_key *key, const char *id);

#endif
