/*
 * env.h - one LMDB environment that many threads of a process share: readers that cost no system
 * call, writes that are repeated when the map had to grow.
 *
 * Status   Functions return 0, an ENOKI_E* code, an LMDB code or a positive errno; their ranges do
 *          not meet. en_env_error() makes the public code and message of any of them.
 * Threads  any thread, but open and close.
 * Fork     after. In a child every call fails with ENOKI_ECLOSED and close releases memory only.
 */
#ifndef EN_ENV_H
#define EN_ENV_H

#include "state/store/gate.h"

#include <enoki/error.h>

#include <lmdb.h>
#include <stdbool.h>

/* LMDB's lock file must be created with at least this size by whoever comes first, see folder.h. */
#define EN_ENV_READERS_MAX 1024u

struct en_env;
struct en_reader;

struct en_env_options {
    const char *folder;   /* exists */
    struct en_gate *gate; /* shared by all users of the folder; borrowed until close. Whatever takes
                             one of LMDB's own locks holds it, so nobody ever waits for those */
    size_t map_bytes;     /* to begin with; it doubles when full. 0: a default */
};

ENOKI_MUST_CHECK int en_env_open(struct en_env **out, const struct en_env_options *options,
                                 struct enoki_error *err);
/* NULL is allowed. */
void en_env_close(struct en_env *env);

/* False in a child of the process that opened it. */
bool en_env_is_usable(const struct en_env *env);

/* Copied; borrowed until close. */
const char *en_env_folder(const struct en_env *env);

/* Sets err for a status of this module, with what was being done ("update of 'x'"). 0 gives 0. */
int en_env_error(const struct en_env *env, int status, const char *doing, struct enoki_error *err);

/* A snapshot to read from; ends soon, with en_env_read_end(), and never runs user code. */
ENOKI_MUST_CHECK int en_env_read_begin(struct en_env *env, struct en_reader **out);
void en_env_read_end(struct en_reader *reader);
MDB_txn *en_reader_txn(const struct en_reader *reader);
MDB_dbi en_env_dbi(const struct en_env *env);

/* What a write callback works on. */
struct en_env_write {
    MDB_txn *txn;
    MDB_dbi dbi;
    bool changed; /* set by the callback: commit; else nothing is written */
};

/* Runs again, from nothing, if the map had to grow: it must have no other effect than in txn.
 * A status other than 0 gives everything up. */
typedef int (*en_env_write_fn)(struct en_env_write *write, void *context);

/* One write transaction; durable says that it must survive power loss. On failure nothing is
 * changed. */
ENOKI_MUST_CHECK int en_env_write(struct en_env *env, bool durable, en_env_write_fn fn,
                                  void *context);

/* Makes everything that is committed survive power loss. */
ENOKI_MUST_CHECK int en_env_sync(struct en_env *env);

#endif
