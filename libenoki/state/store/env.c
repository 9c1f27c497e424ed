#include "state/store/env.h"

#include "state/store/disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAP_DEFAULT_BYTES ((size_t)64 << 20)
/* ThreadSanitizer knows 64 locks that one thread holds; growing takes all of these. */
#define SLOTS 32u
/* Two cache lines, so that what one thread uses is never in the line that another one uses. */
#define READER_BYTES 128u
/* A process that died while it read keeps old pages from being reused until somebody looks. */
#define WRITES_PER_READER_CHECK 1024u

/* One cached read transaction, reset between uses. */
struct en_reader {
    pthread_mutex_t lock;
    MDB_txn *txn; /* NULL: not made yet. Needs lock; so does its use */
    char apart[READER_BYTES - sizeof(pthread_mutex_t) - sizeof(MDB_txn *)];
};

struct en_env {
    MDB_env *mdb;
    MDB_dbi dbi;
    unsigned char *alive; /* a page that the kernel clears in forked children */
    size_t page_bytes;
    struct en_gate *gate; /* before any reader's lock */
    bool nosync;          /* needs gate; so does writes */
    unsigned writes;
    atomic_bool broken; /* the map could not be restored */
    struct en_reader readers[SLOTS];
    char folder[];
};

bool en_env_is_usable(const struct en_env *env)
{
    return *env->alive != 0 && !atomic_load_explicit(&env->broken, memory_order_relaxed);
}

static int make_alive(struct en_env *env)
{
    void *page;

    env->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    page = mmap(NULL, env->page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return errno;
    env->alive = page;
    if (madvise(page, env->page_bytes, MADV_WIPEONFORK) != 0)
        return errno;
    *env->alive = 1;
    return 0;
}

static int open_dbi(struct en_env *env)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);

    if (rc == MDB_MAP_RESIZED) {
        rc = mdb_env_set_mapsize(env->mdb, 0);
        if (rc == 0)
            rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);
    }
    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &env->dbi);
    mdb_txn_abort(txn);
    return rc;
}

static int open_mdb(struct en_env *env, size_t map_bytes)
{
    int dead;
    int rc = make_alive(env);

    if (rc == 0)
        rc = mdb_env_create(&env->mdb);
    if (rc == 0)
        rc = mdb_env_set_mapsize(env->mdb, map_bytes == 0 ? MAP_DEFAULT_BYTES : map_bytes);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(env->mdb, EN_ENV_READERS_MAX);
    if (rc == 0)
        rc = mdb_env_open(env->mdb, env->folder, MDB_NOTLS, 0600);
    if (rc == 0)
        rc = en_gate_lock(env->gate);
    if (rc != 0)
        return rc;
    rc = mdb_reader_check(env->mdb, &dead);
    if (rc == 0)
        rc = open_dbi(env);
    en_gate_unlock(env->gate);
    return rc;
}

int en_env_open(struct en_env **out, const struct en_env_options *options, struct enoki_error *err)
{
    size_t folder_size = strlen(options->folder) + 1;
    struct en_env *env = NULL;
    int rc;

    env = calloc(1, sizeof(*env) + folder_size);
    if (env == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the store");
    memcpy(env->folder, options->folder, folder_size);
    env->gate = options->gate;
    for (size_t i = 0; i < SLOTS; i++)
        (void)pthread_mutex_init(&env->readers[i].lock, NULL);

    rc = open_mdb(env, options->map_bytes);
    if (rc != 0) {
        rc = en_env_error(env, rc, "opening", err);
        en_env_close(env);
        return rc;
    }
    *out = env;
    return 0;
}

void en_env_close(struct en_env *env)
{
    if (env == NULL)
        return;
    /* In a child of the process that opened it, closing would take away the parent's locks. */
    if (env->mdb != NULL && env->alive != NULL && *env->alive != 0) {
        for (size_t i = 0; i < SLOTS; i++)
            if (env->readers[i].txn != NULL)
                mdb_txn_abort(env->readers[i].txn);
        mdb_env_close(env->mdb);
    }
    if (env->alive != NULL)
        (void)munmap(env->alive, env->page_bytes);
    free(env);
}

const char *en_env_folder(const struct en_env *env)
{
    return env->folder;
}

MDB_txn *en_reader_txn(const struct en_reader *reader)
{
    return reader->txn;
}

MDB_dbi en_env_dbi(const struct en_env *env)
{
    return env->dbi;
}

/* --- the map ---------------------------------------------------------------------------------- */

/* Sets the map's size; 0 takes what another process has set. With the gate held. No transaction
 * of this process may be open: their readers are kept out meanwhile. */
static int remap(struct en_env *env, size_t bytes)
{
    int rc;

    for (size_t i = 0; i < SLOTS; i++)
        (void)pthread_mutex_lock(&env->readers[i].lock);
    rc = mdb_env_set_mapsize(env->mdb, bytes);
    if (rc != 0)
        atomic_store(&env->broken, true); /* LMDB has given up the old map before it failed */
    for (size_t i = 0; i < SLOTS; i++)
        (void)pthread_mutex_unlock(&env->readers[i].lock);
    return rc;
}

static int grow(struct en_env *env)
{
    MDB_envinfo info;
    void *probe;
    int dead;
    int rc = mdb_env_info(env->mdb, &info);

    if (rc == 0)
        rc = mdb_reader_check(env->mdb, &dead);
    if (rc != 0)
        return rc;
    if (info.me_mapsize > SIZE_MAX / 2)
        return MDB_MAP_FULL;
    /* Is there so much address space? Afterwards it would be too late to go back. */
    probe =
        mmap(NULL, info.me_mapsize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED)
        return errno;
    (void)munmap(probe, info.me_mapsize);
    return remap(env, info.me_mapsize * 2);
}

static int adopt_map(struct en_env *env)
{
    int rc = en_gate_lock(env->gate);

    if (rc != 0)
        return rc;
    rc = remap(env, 0);
    en_gate_unlock(env->gate);
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Threads start at different places, so that each finds the same free reader again and again. */
static struct en_reader *lock_reader(struct en_env *env)
{
    size_t home = (size_t)((uint64_t)pthread_self() * 0x9e3779b97f4a7c15u >> 59);

    for (size_t i = 0; i < SLOTS; i++) {
        struct en_reader *reader = &env->readers[(home + i) % SLOTS];

        if (pthread_mutex_trylock(&reader->lock) == 0)
            return reader;
    }
    (void)pthread_mutex_lock(&env->readers[home].lock);
    return &env->readers[home];
}

/* Takes a place in LMDB's table of readers. No reader's lock may be held. */
static int make_reader(struct en_env *env, struct en_reader *reader)
{
    int dead;
    int rc = en_gate_lock(env->gate);

    if (rc != 0)
        return rc;
    (void)pthread_mutex_lock(&reader->lock);
    if (reader->txn == NULL) {
        rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &reader->txn);
        if (rc == MDB_READERS_FULL && mdb_reader_check(env->mdb, &dead) == 0 && dead > 0)
            rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &reader->txn);
        if (rc == 0)
            mdb_txn_reset(reader->txn);
        else
            reader->txn = NULL;
    }
    (void)pthread_mutex_unlock(&reader->lock);
    if (rc == MDB_MAP_RESIZED)
        rc = remap(env, 0);
    en_gate_unlock(env->gate);
    return rc;
}

int en_env_read_begin(struct en_env *env, struct en_reader **out)
{
    struct en_reader *reader;
    bool made;
    int rc;

    for (;;) {
        if (!en_env_is_usable(env))
            return ENOKI_ECLOSED;
        reader = lock_reader(env);
        made = reader->txn != NULL;
        rc = made ? mdb_txn_renew(reader->txn) : 0;
        if (made && rc == 0)
            break;
        (void)pthread_mutex_unlock(&reader->lock);
        if (!made)
            rc = make_reader(env, reader);
        else if (rc == MDB_MAP_RESIZED)
            rc = adopt_map(env);
        if (rc != 0)
            return rc;
    }
    *out = reader;
    return 0;
}

void en_env_read_end(struct en_reader *reader)
{
    mdb_txn_reset(reader->txn);
    (void)pthread_mutex_unlock(&reader->lock);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_once(struct en_env *env, en_env_write_fn fn, void *context)
{
    struct en_env_write write = {NULL, env->dbi, false};
    int rc = mdb_txn_begin(env->mdb, NULL, 0, &write.txn);

    if (rc != 0)
        return rc;
    rc = fn(&write, context);
    if (rc != 0 || !write.changed) {
        mdb_txn_abort(write.txn);
        return rc;
    }
    return mdb_txn_commit(write.txn);
}

static int write_locked(struct en_env *env, en_env_write_fn fn, void *context)
{
    int dead;
    int rc;

    if (++env->writes % WRITES_PER_READER_CHECK == 0)
        (void)mdb_reader_check(env->mdb, &dead);
    for (;;) {
        rc = write_once(env, fn, context);
        if (rc == MDB_MAP_FULL)
            rc = grow(env);
        else if (rc == MDB_MAP_RESIZED)
            rc = remap(env, 0);
        else
            return rc;
        if (rc != 0)
            return rc;
    }
}

int en_env_write(struct en_env *env, bool durable, en_env_write_fn fn, void *context)
{
    int rc;

    if (!en_env_is_usable(env))
        return ENOKI_ECLOSED;
    rc = en_gate_lock(env->gate);
    if (rc != 0)
        return rc;
    if (!en_env_is_usable(env))
        rc = ENOKI_ECLOSED;
    if (rc == 0 && env->nosync == durable) {
        /* Only writers look at this flag, and they hold the lock. */
        rc = mdb_env_set_flags(env->mdb, MDB_NOSYNC, !durable);
        env->nosync = !durable;
    }
    if (rc == 0)
        rc = write_locked(env, fn, context);
    en_gate_unlock(env->gate);
    return rc;
}

int en_env_sync(struct en_env *env)
{
    return en_env_is_usable(env) ? mdb_env_sync(env->mdb, 1) : ENOKI_ECLOSED;
}

/* --- errors ----------------------------------------------------------------------------------- */

static bool is_damage(int status)
{
    return status == MDB_VERSION_MISMATCH || status == MDB_INVALID || status == MDB_CORRUPTED ||
           status == MDB_PAGE_NOTFOUND || status == MDB_INCOMPATIBLE;
}

static int public_code(const struct en_env *env, int status)
{
    if (is_damage(status))
        return ENOKI_EFORMAT;
    switch (status) {
    case ENOMEM:
        return ENOKI_ENOMEM;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ENOKI_ENOSPACE;
    case EIO:
        /* LMDB's code for a write that the disk took only in part. */
        return en_disk_is_full(env->folder) ? ENOKI_ENOSPACE : ENOKI_EIO;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_READERS_FULL:
        return ENOKI_ELIMIT;
    default:
        return status < 0 && status > -1000 ? status : ENOKI_EIO;
    }
}

int en_env_error(const struct en_env *env, int status, const char *doing, struct enoki_error *err)
{
    int code;

    if (status == 0)
        return 0;
    code = public_code(env, status);
    switch (code) {
    case ENOKI_ENOMEM:
        return enoki_error_set(err, code, "%s in store '%.200s': out of memory or address space",
                               doing, env->folder);
    case ENOKI_ENOSPACE:
        return enoki_error_set(err, code,
                               "%s in store '%.200s': the disk is full; make room and repeat, "
                               "nothing is lost",
                               doing, env->folder);
    case ENOKI_EFORMAT:
        return enoki_error_set(err, code,
                               "%s in store '%.200s': not a store of this version, or damaged; "
                               "restore a copy or remove the folder",
                               doing, env->folder);
    case ENOKI_ECLOSED:
        return enoki_error_set(err, code,
                               "%s in store '%.200s': opened in another process; open the state "
                               "after the fork",
                               doing, env->folder);
    default:
        return enoki_error_set(err, code, "%s in store '%.200s': %s", doing, env->folder,
                               status == code ? enoki_error_text(code) : mdb_strerror(status));
    }
}
