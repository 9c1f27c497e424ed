#include "state.h"

#include "tool.h"

#include <lmdb.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAP_BYTES (64ull << 30)

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *reader; /* reset between reads */
    void *copy;      /* what a read hands out: its own memory, as libenoki's */
};

static void check(int status, const char *what)
{
    if (status != 0)
        tool_die("%s: %s", what, mdb_strerror(status));
}

struct store *store_open(const char *directory, bool durable)
{
    struct store *store = calloc(1, sizeof(*store));
    MDB_txn *txn;

    if (store == NULL)
        tool_die("out of memory");
    mkdir(directory, 0700);
    check(mdb_env_create(&store->env), "mdb_env_create");
    check(mdb_env_set_mapsize(store->env, MAP_BYTES), "mdb_env_set_mapsize");
    check(mdb_env_open(store->env, directory, MDB_NOTLS | (durable ? 0 : MDB_NOSYNC), 0600),
          "mdb_env_open");
    check(mdb_txn_begin(store->env, NULL, 0, &txn), "mdb_txn_begin");
    check(mdb_dbi_open(txn, NULL, 0, &store->dbi), "mdb_dbi_open");
    check(mdb_txn_commit(txn), "mdb_txn_commit");
    check(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader), "mdb_txn_begin");
    mdb_txn_reset(store->reader);
    return store;
}

void store_close(struct store *store)
{
    free(store->copy);
    mdb_txn_abort(store->reader);
    mdb_env_close(store->env);
    free(store);
}

size_t store_read(struct store *store, const char *id)
{
    MDB_val key = {strlen(id), (void *)(uintptr_t)id};
    MDB_val value;
    int status;

    check(mdb_txn_renew(store->reader), "mdb_txn_renew");
    status = mdb_get(store->reader, store->dbi, &key, &value);
    if (status == 0) {
        free(store->copy);
        store->copy = malloc(value.mv_size);
        if (store->copy == NULL)
            tool_die("out of memory");
        memcpy(store->copy, value.mv_data, value.mv_size);
    }
    mdb_txn_reset(store->reader);
    if (status == MDB_NOTFOUND)
        return 0;
    check(status, "mdb_get");
    return value.mv_size;
}

void store_update(struct store *store, const char *id, const void *value, size_t len)
{
    MDB_val key = {strlen(id), (void *)(uintptr_t)id};
    MDB_val new = {len, (void *)(uintptr_t)value};
    MDB_val old;
    MDB_txn *txn;
    int status;

    check(mdb_txn_begin(store->env, NULL, 0, &txn), "mdb_txn_begin");
    status = mdb_get(txn, store->dbi, &key, &old);
    if (status != MDB_NOTFOUND)
        check(status, "mdb_get");
    check(mdb_put(txn, store->dbi, &key, &new, 0), "mdb_put");
    check(mdb_txn_commit(txn), "mdb_txn_commit");
}
