#include "state/session/journal.h"

#include "state/session/records.h"
#include "wire/little.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The file: a head, then records (records.h).
 *   head    magic (8), boot id (40, text), state (4): open, closed, or open and in doubt */
#define MAGIC "enokises"
#define HEAD_BYTES 64u
#define BOOT_AT 8u
#define BOOT_BYTES 40u
#define STATE_AT 48u

#define FIRST_BYTES (1u << 20)
#define LOCK_TRIES 200
#define LOCK_PAUSE_NS 10000000
#define SYNC_PAUSE_NS 100000000

enum state { STATE_OPEN = 1, STATE_CLOSED = 2, STATE_IN_DOUBT = 3 };

struct en_journal {
    int folder; /* locked */
    char *path; /* of the folder */
    char boot_id[BOOT_BYTES];
    bool durable;
    bool is_in_doubt;

    pthread_mutex_t lock; /* of what follows: the thread syncs while others write */
    pthread_cond_t ending;
    bool is_ending;
    bool has_thread;
    bool is_dirty;
    pthread_t thread;
    int file;
    unsigned char *map;
    size_t map_len;
    size_t used;
};

static int failure(const char *path, const char *doing, struct enoki_error *err)
{
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ENOKI_ENOSPACE : ENOKI_EIO;

    return enoki_error_set(err, code, "cannot %s the session in '%.200s': %s%s", doing, path,
                           strerror(errno),
                           code == ENOKI_ENOSPACE ? ": make room on that disk" : "");
}

/* --- the folder --------------------------------------------------------------------------------
 */

static int lock_folder(struct en_journal *journal, struct enoki_error *err)
{
    const struct timespec pause = {0, LOCK_PAUSE_NS};

    if (mkdir(journal->path, 0700) != 0 && errno != EEXIST)
        return failure(journal->path, "make a folder for", err);
    journal->folder = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->folder < 0)
        return failure(journal->path, "open", err);
    /* A predecessor that was killed may not be quite gone yet. */
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(journal->folder, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return failure(journal->path, "lock", err);
        (void)nanosleep(&pause, NULL);
    }
    return enoki_error_set(err, ENOKI_ECLOSED,
                           "another process uses the session in '%.200s': stop it, or give this "
                           "one another session folder",
                           journal->path);
}

/* Folders above are made too: DIR may be as new as the session. */
static void make_parent(const char *path)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');

    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(parent))
        return;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    (void)mkdir(parent, 0700); /* what is wrong with it shows in the next step */
}

static void read_boot_id(char out[BOOT_BYTES])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    memset(out, 0, BOOT_BYTES);
    if (file == NULL)
        return;
    if (fgets(out, (int)BOOT_BYTES, file) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    (void)fclose(file);
}

/* --- loading -----------------------------------------------------------------------------------
 */

static int read_all(struct en_journal *journal, unsigned char **out, size_t *len_out,
                    struct enoki_error *err)
{
    int fd = openat(journal->folder, "journal", O_RDONLY | O_CLOEXEC);
    struct stat about;
    void *map;

    *out = NULL;
    *len_out = 0;
    if (fd < 0)
        return errno == ENOENT ? 0 : failure(journal->path, "read", err);
    if (fstat(fd, &about) != 0) {
        (void)close(fd);
        return failure(journal->path, "read", err);
    }
    *len_out = (size_t)about.st_size;
    map = about.st_size == 0 ? MAP_FAILED : mmap(NULL, *len_out, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (map != MAP_FAILED) {
        *out = map;
        return 0;
    }
    return about.st_size == 0 ? 0 : failure(journal->path, "read", err);
}

static bool is_all_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static int load_last(struct en_journal *journal,
                     int (*load)(void *context, const struct en_table_content *content),
                     void *context, struct en_journal_news *news, struct enoki_error *err)
{
    unsigned char *bytes;
    size_t len, good;
    uint32_t state;
    int load_rc = 0;
    int rc = read_all(journal, &bytes, &len, err);

    *news = (struct en_journal_news){false, false, false};
    if (rc != 0 || (bytes == NULL && len == 0))
        return rc;
    if (len < HEAD_BYTES || memcmp(bytes, MAGIC, BOOT_AT) != 0) {
        (void)munmap(bytes, len);
        news->was_damaged = true;
        news->is_in_doubt = true;
        return 0;
    }
    state = en_load_u32(bytes + STATE_AT);
    good = HEAD_BYTES +
           en_session_records_replay(bytes + HEAD_BYTES, len - HEAD_BYTES, load, context, &load_rc);
    news->was_cut = load_rc == 0 && !is_all_zero(bytes + good, len - good);
    /* Killed within this boot, nothing is missing but a record that was being written: the map is
     * the file. What was closed has no half records: that is damage. */
    news->is_in_doubt =
        state == STATE_IN_DOUBT || (state == STATE_CLOSED && news->was_cut) ||
        (state != STATE_CLOSED && memcmp(bytes + BOOT_AT, journal->boot_id, BOOT_BYTES) != 0);
    (void)munmap(bytes, len);
    return load_rc == 0 ? 0 : enoki_error_set(err, load_rc, "out of memory for the session");
}

/* --- writing -----------------------------------------------------------------------------------
 */

static struct en_table_content content_of(const struct en_table_entry *entry)
{
    return (struct en_table_content){entry->id,    en_table_versions(entry), entry->bytes_len,
                                     entry->count, entry->is_removed,        entry->is_confirmed};
}

static int measure(void *context, const struct en_table_entry *entry)
{
    const struct en_table_content content = content_of(entry);

    *(size_t *)context += en_session_record_len(&content);
    return 0;
}

struct filling {
    unsigned char *at;
    size_t left;
};

static int fill(void *context, const struct en_table_entry *entry)
{
    const struct en_table_content content = content_of(entry);
    struct filling *filling = context;
    size_t len = en_session_record_len(&content);

    if (len > filling->left)
        return ENOKI_ELIMIT;
    en_session_record_write(filling->at, &content);
    filling->at += len;
    filling->left -= len;
    return 0;
}

/* A new file, mapped, with a head. */
static int make_file(struct en_journal *journal, size_t len, int *fd_out, unsigned char **map_out,
                     struct enoki_error *err)
{
    int fd = openat(journal->folder, "journal.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    void *map;
    int rc;

    if (fd < 0)
        return failure(journal->path, "write", err);
    rc = posix_fallocate(fd, 0, (off_t)len);
    if (rc != 0) {
        (void)close(fd);
        (void)unlinkat(journal->folder, "journal.new", 0);
        errno = rc;
        return failure(journal->path, "write", err);
    }
    map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        (void)close(fd);
        (void)unlinkat(journal->folder, "journal.new", 0);
        return failure(journal->path, "map", err);
    }
    *fd_out = fd;
    *map_out = map;
    memcpy(map, MAGIC, BOOT_AT);
    memcpy((unsigned char *)map + BOOT_AT, journal->boot_id, BOOT_BYTES);
    return 0;
}

static void let_go(struct en_journal *journal)
{
    if (journal->map != NULL)
        (void)munmap(journal->map, journal->map_len);
    if (journal->file >= 0)
        (void)close(journal->file);
    journal->map = NULL;
    journal->file = -1;
}

int en_journal_renew(struct en_journal *journal, struct en_table *table, bool is_in_doubt,
                     struct enoki_error *err)
{
    size_t used = HEAD_BYTES, len = FIRST_BYTES;
    struct filling filling;
    unsigned char *map = NULL;
    int fd = -1;
    int rc = en_table_walk(table, measure, &used);

    if (rc != 0)
        return rc;
    while (len / 4 < used)
        len *= 2;
    rc = make_file(journal, len, &fd, &map, err);
    if (rc != 0)
        return rc;
    filling = (struct filling){map + HEAD_BYTES, len - HEAD_BYTES};
    rc = en_table_walk(table, fill, &filling);
    en_store_u32(map + STATE_AT, is_in_doubt ? STATE_IN_DOUBT : STATE_OPEN);
    /* What the old file holds must not be lost by taking the new one's name too early. */
    if (rc == 0 && journal->durable && fsync(fd) != 0)
        rc = ENOKI_EIO;
    if (rc == 0 && renameat(journal->folder, "journal.new", journal->folder, "journal") != 0)
        rc = ENOKI_EIO;
    if (rc == 0 && journal->durable && fsync(journal->folder) != 0)
        rc = ENOKI_EIO;
    if (rc != 0) {
        (void)failure(journal->path, "write", err);
        (void)munmap(map, len);
        (void)close(fd);
        return err != NULL ? err->status : ENOKI_EIO;
    }
    (void)pthread_mutex_lock(&journal->lock);
    let_go(journal);
    journal->file = fd;
    journal->map = map;
    journal->map_len = len;
    journal->used = (size_t)(filling.at - map);
    journal->is_in_doubt = is_in_doubt;
    (void)pthread_mutex_unlock(&journal->lock);
    return 0;
}

int en_journal_add(struct en_journal *journal, const struct en_table_content *content)
{
    size_t len = en_session_record_len(content);

    if (journal->map == NULL || len > journal->map_len - journal->used)
        return ENOKI_ELIMIT;
    en_session_record_write(journal->map + journal->used, content);
    journal->used += len;
    __atomic_store_n(&journal->is_dirty, true, __ATOMIC_RELEASE);
    return 0;
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void *keep_syncing(void *context)
{
    struct en_journal *journal = context;

    (void)pthread_mutex_lock(&journal->lock);
    while (!journal->is_ending) {
        struct timespec until;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += SYNC_PAUSE_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&journal->ending, &journal->lock, &until);
        /* The lock keeps the file from being renewed meanwhile; adding needs none. */
        if (__atomic_exchange_n(&journal->is_dirty, false, __ATOMIC_ACQ_REL))
            (void)fdatasync(journal->file);
    }
    (void)pthread_mutex_unlock(&journal->lock);
    return NULL;
}

static int start_thread(struct en_journal *journal, struct enoki_error *err)
{
    int rc;

    if (!journal->durable)
        return 0;
    rc = pthread_create(&journal->thread, NULL, keep_syncing, journal);
    if (rc != 0)
        return enoki_error_set(err, ENOKI_EIO, "cannot start a thread for the session: %s",
                               strerror(rc));
    journal->has_thread = true;
    return 0;
}

/* --- life --------------------------------------------------------------------------------------
 */

static void init_locks(struct en_journal *journal)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&journal->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&journal->ending, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

int en_journal_open(struct en_journal **out, const struct en_journal_options *options,
                    int (*load)(void *context, const struct en_table_content *content),
                    void *context, struct en_journal_news *news, struct enoki_error *err)
{
    struct en_journal *journal = calloc(1, sizeof(*journal));
    int rc;

    if (journal == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the session");
    init_locks(journal);
    journal->folder = -1;
    journal->file = -1;
    journal->durable = options->durable;
    journal->path = strdup(options->folder);
    if (options->boot_id != NULL)
        (void)snprintf(journal->boot_id, sizeof(journal->boot_id), "%s", options->boot_id);
    else
        read_boot_id(journal->boot_id);
    if (journal->path == NULL) {
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the session");
    } else {
        make_parent(journal->path);
        rc = lock_folder(journal, err);
    }
    if (rc == 0)
        rc = load_last(journal, load, context, news, err);
    if (rc == 0)
        rc = start_thread(journal, err);
    if (rc == 0)
        *out = journal;
    else
        en_journal_close(journal);
    return rc;
}

void en_journal_close(struct en_journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->has_thread) {
        (void)pthread_mutex_lock(&journal->lock);
        journal->is_ending = true;
        (void)pthread_cond_signal(&journal->ending);
        (void)pthread_mutex_unlock(&journal->lock);
        (void)pthread_join(journal->thread, NULL);
    }
    /* First what was written, then the word that all of it is there. */
    if (journal->map != NULL && !journal->is_in_doubt && fdatasync(journal->file) == 0) {
        en_store_u32(journal->map + STATE_AT, STATE_CLOSED);
        if (journal->durable)
            (void)fdatasync(journal->file);
    }
    let_go(journal);
    if (journal->folder >= 0)
        (void)close(journal->folder);
    (void)pthread_cond_destroy(&journal->ending);
    (void)pthread_mutex_destroy(&journal->lock);
    free(journal->path);
    free(journal);
}
