#include "state/store/meta.h"

#include "wire/little.h"

#include <string.h>

/* Sorts before every id. */
static const char head_key[] = "\0enoki";
static const char batch_key[] = "\0batch";

/* "ENOKI" and NUL, format version (u32), kind (u8). */
#define MAGIC "ENOKI"
#define HEAD_BYTES (sizeof(MAGIC) + 4 + 1)

static MDB_val key_of(const char *key, size_t size)
{
    return (MDB_val){size - 1, (void *)(uintptr_t)key};
}

/* A status; MDB_NOTFOUND: the store is empty. */
static int read_head(MDB_txn *txn, MDB_dbi dbi, unsigned *format_out,
                     enum enoki_keygroup_kind *kind_out)
{
    MDB_val key = key_of(head_key, sizeof(head_key));
    const unsigned char *at;
    MDB_stat stat;
    MDB_val head;
    int rc = mdb_get(txn, dbi, &key, &head);

    if (rc == MDB_NOTFOUND && mdb_stat(txn, dbi, &stat) == 0 && stat.ms_entries > 0)
        return ENOKI_EFORMAT;
    if (rc != 0)
        return rc;
    at = head.mv_data;
    if (head.mv_size < HEAD_BYTES || memcmp(at, MAGIC, sizeof(MAGIC)) != 0)
        return ENOKI_EFORMAT;
    *format_out = en_load_u32(at + sizeof(MAGIC));
    *kind_out = (enum enoki_keygroup_kind)at[HEAD_BYTES - 1];
    if (*format_out != EN_STORE_FORMAT)
        return ENOKI_EFORMAT;
    return *kind_out == ENOKI_KEYGROUP_MUTABLE || *kind_out == ENOKI_KEYGROUP_APPEND
               ? 0
               : ENOKI_EFORMAT;
}

static int create(struct en_env_write *write, void *context)
{
    enum enoki_keygroup_kind *kind = context;
    MDB_val key = key_of(head_key, sizeof(head_key));
    unsigned char bytes[HEAD_BYTES] = MAGIC;
    MDB_val head = {sizeof(bytes), bytes};
    unsigned format;
    int rc = read_head(write->txn, write->dbi, &format, kind);

    if (rc != MDB_NOTFOUND)
        return rc;
    if (*kind == ENOKI_KEYGROUP_ANY)
        *kind = ENOKI_KEYGROUP_MUTABLE;
    en_store_u32(bytes + sizeof(MAGIC), EN_STORE_FORMAT);
    bytes[HEAD_BYTES - 1] = (unsigned char)*kind;
    write->changed = true;
    return mdb_put(write->txn, write->dbi, &key, &head, 0);
}

int en_meta_open(struct en_env *env, enum enoki_keygroup_kind kind, bool must_exist,
                 enum enoki_keygroup_kind *kind_out, struct enoki_error *err)
{
    unsigned format = EN_STORE_FORMAT;
    struct en_reader *reader;
    int rc = en_env_read_begin(env, &reader);

    if (rc == 0) {
        rc = read_head(en_reader_txn(reader), en_env_dbi(env), &format, kind_out);
        en_env_read_end(reader);
    }
    if (rc == MDB_NOTFOUND && must_exist)
        return enoki_error_set(err, ENOKI_ENOTFOUND, "there is no keygroup in '%.200s'",
                               en_env_folder(env));
    if (rc == MDB_NOTFOUND) {
        *kind_out = kind;
        rc = en_env_write(env, true, create, kind_out);
    }
    if (rc == ENOKI_EFORMAT && format != EN_STORE_FORMAT)
        return enoki_error_set(err, rc,
                               "store '%.200s' has format version '%u', this library reads '%u': "
                               "use the version of Enoki that made it",
                               en_env_folder(env), format, EN_STORE_FORMAT);
    return en_env_error(env, rc, "opening", err);
}

int en_meta_batch(MDB_txn *txn, MDB_dbi dbi, uint64_t *batch_out)
{
    MDB_val key = key_of(batch_key, sizeof(batch_key));
    MDB_val value;
    int rc = mdb_get(txn, dbi, &key, &value);

    if (rc == MDB_NOTFOUND) {
        *batch_out = 0;
        return 0;
    }
    if (rc == 0 && value.mv_size != 8)
        rc = ENOKI_EFORMAT;
    if (rc == 0)
        *batch_out = en_load_u64(value.mv_data);
    return rc;
}

int en_meta_set_batch(MDB_txn *txn, MDB_dbi dbi, uint64_t batch)
{
    MDB_val key = key_of(batch_key, sizeof(batch_key));
    unsigned char bytes[8];
    MDB_val value = {sizeof(bytes), bytes};

    en_store_u64(bytes, batch);
    return mdb_put(txn, dbi, &key, &value, 0);
}
