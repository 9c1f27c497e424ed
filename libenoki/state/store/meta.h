/*
 * meta.h - what a store says about itself, under keys that no id can have: format version, kind of
 * keygroup, number of the last group commit.
 *
 * Threads  any thread.    Fork  as env.h.
 */
#ifndef EN_META_H
#define EN_META_H

#include "state/store/env.h"

#include <enoki/state.h>

#define EN_STORE_FORMAT 1u

/*
 * Reads the kind; a store without anything in it is made one of kind (ANY: mutable).
 *
 * ENOKI_ENOTFOUND  must_exist, and the store is empty
 * ENOKI_EFORMAT    another format version, or not a store of ours; nothing was changed
 */
ENOKI_MUST_CHECK int en_meta_open(struct en_env *env, enum enoki_keygroup_kind kind,
                                  bool must_exist, enum enoki_keygroup_kind *kind_out,
                                  struct enoki_error *err);

/* The number of the last batch that a group commit wrote; 0 at first. The status is one of env.h.
 */
ENOKI_MUST_CHECK int en_meta_batch(MDB_txn *txn, MDB_dbi dbi, uint64_t *batch_out);
ENOKI_MUST_CHECK int en_meta_set_batch(MDB_txn *txn, MDB_dbi dbi, uint64_t batch);

#endif
