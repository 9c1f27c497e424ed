#include "spool_store.h"

#include "base/clock.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* LMDB writes pages anew and keeps the old ones until the next commit. */
#define MAP_EXTRA_BYTES ((uint64_t)64 << 20)

struct spool_store {
    const char *path;
    uint64_t max_bytes;
    const struct en_log *log;
    MDB_env *env;
    MDB_dbi calls, attempts; /* by number, big-endian */
};

static int drop(struct spool_store *store, MDB_txn *txn, MDB_val *key, size_t *freed_out)
{
    MDB_val value;
    int rc = mdb_del(txn, store->attempts, key, NULL);

    *freed_out = 0;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_get(txn, store->calls, key, &value);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    *freed_out = value.mv_size;
    return mdb_del(txn, store->calls, key, NULL);
}

static int apply(struct spool_store *store, MDB_txn *txn, struct spool_change *change)
{
    uint64_t key_bytes = htobe64(change->number);
    uint32_t attempts = htole32(change->attempts);
    MDB_val key = {sizeof(key_bytes), &key_bytes};
    MDB_val value = {change->bytes.len, change->bytes.data};

    switch (change->kind) {
    case SPOOL_PUT:
        return mdb_put(txn, store->calls, &key, &value, MDB_APPEND);
    case SPOOL_MARK:
        value = (MDB_val){sizeof(attempts), &attempts};
        return mdb_put(txn, store->attempts, &key, &value, 0);
    case SPOOL_DROP:
    default:
        return drop(store, txn, &key, &change->freed);
    }
}

static int commit(struct spool_store *store, struct spool_change *first, bool with_puts)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);

    if (rc != 0)
        return rc;
    for (struct spool_change *change = first; change != NULL && rc == 0; change = change->next) {
        if (with_puts || change->kind != SPOOL_PUT)
            rc = apply(store, txn, change);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

int spool_store_commit(struct spool_store *store, struct spool_change *first, bool with_puts)
{
    int rc = commit(store, first, with_puts);

    if (rc == 0)
        return 0;
    en_log(store->log, ENOKI_LOG_ERROR, "accepted calls cannot be written to %s: %s", store->path,
           mdb_strerror(rc));
    for (struct spool_change *change = first; change != NULL; change = change->next)
        change->freed = 0;
    return rc == MDB_MAP_FULL || rc == ENOSPC ? ENOKI_ELIMIT : ENOKI_EIO;
}

/* The record behind above; its bytes are copied. */
static int find_next(struct spool_store *store, MDB_txn *txn, uint64_t above, uint64_t below,
                     uint64_t *number_out, struct en_buffer *bytes)
{
    uint64_t from = htobe64(above + 1);
    MDB_val key = {sizeof(from), &from}, value;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, store->calls, &cursor);

    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0 && key.mv_size != sizeof(from))
        rc = MDB_CORRUPTED;
    if (rc == 0) {
        memcpy(&from, key.mv_data, sizeof(from));
        *number_out = be64toh(from);
        if (*number_out >= below)
            rc = MDB_NOTFOUND;
        else if (en_buffer_append(bytes, value.mv_data, value.mv_size) != 0)
            rc = ENOMEM;
    }
    mdb_cursor_close(cursor);
    return rc;
}

static uint32_t attempts_of(struct spool_store *store, MDB_txn *txn, uint64_t number)
{
    uint64_t key_bytes = htobe64(number);
    uint32_t attempts = 0;
    MDB_val key = {sizeof(key_bytes), &key_bytes}, value;

    if (mdb_get(txn, store->attempts, &key, &value) == 0 && value.mv_size == sizeof(attempts))
        memcpy(&attempts, value.mv_data, sizeof(attempts));
    return le32toh(attempts);
}

int spool_store_next(struct spool_store *store, uint64_t above, uint64_t below,
                     uint64_t *number_out, uint32_t *attempts_out, struct en_buffer *bytes)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);

    en_buffer_clear(bytes, 65536);
    if (rc != 0)
        return ENOKI_EIO;
    rc = find_next(store, txn, above, below, number_out, bytes);
    if (rc == 0)
        *attempts_out = attempts_of(store, txn, *number_out);
    mdb_txn_abort(txn);
    return rc == 0 ? 1 : rc == MDB_NOTFOUND ? 0 : rc == ENOMEM ? ENOKI_ENOMEM : ENOKI_EIO;
}

/* --- opening ------------------------------------------------------------------------------------
 */

/* What was there before: how much, and the highest number. */
static int count_records(struct spool_store *store, MDB_txn *txn, struct spool_content *content)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t number = 0;
    int rc = mdb_cursor_open(txn, store->calls, &cursor);

    if (rc != 0)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (key.mv_size != sizeof(number)) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(&number, key.mv_data, sizeof(number));
        content->count++;
        content->bytes += value.mv_size;
    }
    mdb_cursor_close(cursor);
    content->last_number = be64toh(number);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int open_tables(struct spool_store *store, struct spool_content *content)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);

    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, "calls", MDB_CREATE, &store->calls);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "attempts", MDB_CREATE, &store->attempts);
    if (rc == 0)
        rc = count_records(store, txn, content);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/* Pages that are free may never have been written, and a file may have been cut: what is read
 * beyond its end must be zeroes, which are found to be no page and no record, and not a signal. */
static int set_length(const struct spool_store *store)
{
    mdb_filehandle_t fd;
    struct stat status;
    MDB_envinfo info;
    MDB_stat pages;
    off_t least;
    int rc = mdb_env_info(store->env, &info);

    if (rc == 0)
        rc = mdb_env_stat(store->env, &pages);
    if (rc == 0)
        rc = mdb_env_get_fd(store->env, &fd);
    if (rc != 0)
        return rc;
    least = (off_t)((info.me_last_pgno + 1) * pages.ms_psize);
    if (fstat(fd, &status) != 0)
        return errno;
    return status.st_size < least && ftruncate(fd, least) != 0 ? errno : 0;
}

static int open_env(struct spool_store *store, struct spool_content *content)
{
    int rc = mdb_env_create(&store->env);

    *content = (struct spool_content){0, 0, 0};
    if (rc == 0)
        rc = mdb_env_set_mapsize(store->env, 2 * store->max_bytes + MAP_EXTRA_BYTES);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(store->env, 2);
    if (rc == 0)
        rc = mdb_env_open(store->env, store->path, MDB_NOTLS, S_IRUSR | S_IWUSR);
    if (rc == 0)
        rc = set_length(store);
    if (rc == 0)
        rc = open_tables(store, content);
    if (rc != 0) {
        mdb_env_close(store->env);
        store->env = NULL;
    }
    return rc;
}

/* The node goes on without what it cannot read; who looks finds it. */
static int put_aside(const struct spool_store *store, int why)
{
    char from[PATH_MAX], to[PATH_MAX];

    (void)snprintf(from, sizeof(from), "%s/data.mdb", store->path);
    (void)snprintf(to, sizeof(to), "%s/damaged-%llu.mdb", store->path,
                   (unsigned long long)en_clock_wall_ns());
    if (rename(from, to) != 0)
        return ENOKI_EIO;
    (void)snprintf(from, sizeof(from), "%s/lock.mdb", store->path);
    (void)unlink(from);
    en_log(store->log, ENOKI_LOG_ERROR,
           "the accepted calls in %s cannot be read: %s; the file is %s now, a new one is begun",
           store->path, mdb_strerror(why), to);
    return 0;
}

static bool is_damage(int rc)
{
    return rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_VERSION_MISMATCH ||
           rc == MDB_PAGE_NOTFOUND || rc == MDB_PANIC || rc == MDB_INCOMPATIBLE;
}

/* LMDB syncs what is in its file, not that the file is there. EINVAL: a file system that does it by
 * itself. */
static int sync_folder(const struct spool_store *store, const char *which)
{
    char path[PATH_MAX];
    int fd, why = 0;

    if (snprintf(path, sizeof(path), "%s/%s", store->path, which) >= (int)sizeof(path))
        return ENAMETOOLONG;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (fsync(fd) != 0 && errno != EINVAL)
        why = errno;
    (void)close(fd);
    return why;
}

static int open_store(struct spool_store *store, struct spool_content *content,
                      struct enoki_error *err)
{
    bool is_new = mkdir(store->path, S_IRWXU) == 0;
    int rc, parent;

    if (!is_new && errno != EEXIST)
        return enoki_error_set(err, ENOKI_EIO, "async.path: %.300s: %s", store->path,
                               strerror(errno));
    rc = open_env(store, content);
    if (is_damage(rc) && put_aside(store, rc) == 0)
        rc = open_env(store, content);
    if (rc == 0) {
        rc = sync_folder(store, ".");
        /* One that was there may be in a folder that is not ours to read. */
        parent = sync_folder(store, "..");
        if (rc == 0 && is_new)
            rc = parent;
        if (rc != 0)
            mdb_env_close(store->env);
    }
    if (rc != 0)
        return enoki_error_set(err, ENOKI_EIO, "async.path: %.300s: %s", store->path,
                               mdb_strerror(rc));
    return 0;
}

int spool_store_open(struct spool_store **out, const char *path, uint64_t max_bytes,
                     const struct en_log *log, struct spool_content *content,
                     struct enoki_error *err)
{
    struct spool_store *store = calloc(1, sizeof(*store));
    int rc;

    if (store == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for accepted calls");
    store->path = path;
    store->max_bytes = max_bytes;
    store->log = log;
    rc = open_store(store, content, err);
    if (rc != 0) {
        free(store);
        return rc;
    }
    *out = store;
    return 0;
}

void spool_store_close(struct spool_store *store)
{
    if (store == NULL)
        return;
    mdb_env_close(store->env);
    free(store);
}
