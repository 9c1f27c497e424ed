#include "state/store/shared.h"

#include "state/store/folder.h"
#include "state/store/meta.h"
#include "state/store/queue.h"
#include "state/store/verify.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* A little more than LMDB itself asks for, since it takes the file as it finds it. */
#define LOCK_FILE_BYTES (((size_t)EN_ENV_READERS_MAX + 64) * 64)

struct en_shared {
    struct en_shared *next; /* this and handles: need list.lock */
    unsigned handles;
    bool marked; /* the folder's boot mark is there */
    pid_t pid;
    enum enoki_keygroup_kind kind;
    struct en_env *env;
    struct en_board *board;
    struct en_queue *queue;
    struct en_folder folder;
};

static struct {
    pthread_mutex_t lock;
    struct en_shared *first;
} list = {PTHREAD_MUTEX_INITIALIZER, NULL};

static struct en_shared *find(const struct en_folder *folder)
{
    pid_t pid = getpid();

    for (struct en_shared *shared = list.first; shared != NULL; shared = shared->next)
        if (shared->pid == pid && shared->folder.device == folder->device &&
            shared->folder.inode == folder->inode)
            return shared;
    return NULL;
}

static int check_boot(const struct en_folder *folder, struct enoki_error *err)
{
    enum en_folder_boot boot = EN_BOOT_CLEAN;
    int rc;

    if (!folder->first)
        return 0;
    rc = en_folder_boot(folder, &boot, err);
    if (rc != 0 || boot != EN_BOOT_LOST)
        return rc;
    rc = en_verify(folder->path, err);
    if (rc == 0)
        en_folder_clear_boot(folder);
    return rc;
}

static int mark(struct en_shared *shared, struct enoki_error *err)
{
    enum en_folder_boot boot = EN_BOOT_CLEAN;
    int rc;

    if (shared->marked)
        return 0;
    rc = en_folder_boot(&shared->folder, &boot, err);
    if (rc == 0 && boot != EN_BOOT_CURRENT)
        rc = en_folder_mark_boot(&shared->folder, err);
    shared->marked = rc == 0;
    return rc;
}

/* With the folder locked. */
static int open_locked(struct en_shared *shared, const struct en_shared_options *options,
                       struct enoki_error *err)
{
    struct en_env_options env = {shared->folder.path, NULL, options->map_bytes};
    int rc = check_boot(&shared->folder, err);

    if (rc == 0 && shared->folder.first)
        rc = en_folder_reserve(&shared->folder, "lock.mdb", LOCK_FILE_BYTES, err);
    if (rc == 0)
        rc = en_board_open(&shared->board, &shared->folder, err);
    if (rc != 0)
        return rc;
    env.gate = en_board_gate(shared->board);
    rc = en_env_open(&shared->env, &env, err);
    if (rc == 0)
        rc = en_meta_open(shared->env, options->kind, options->must_exist, &shared->kind, err);
    if (rc == 0 && !options->durable)
        rc = mark(shared, err);
    if (rc != 0)
        return rc;
    rc = en_queue_new(&shared->queue, shared->board, shared->env, shared->kind);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "out of memory for the write queue");
}

static void close_parts(struct en_shared *shared)
{
    en_queue_free(shared->queue);
    en_env_close(shared->env);
    en_board_close(shared->board);
    en_folder_fini(&shared->folder);
}

/* Takes the folder over, also on failure. */
static int open_new(struct en_shared **out, struct en_folder *folder,
                    const struct en_shared_options *options, struct enoki_error *err)
{
    struct en_shared *shared = calloc(1, sizeof(*shared));
    int rc;

    if (shared == NULL) {
        en_folder_fini(folder);
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the store");
    }
    shared->pid = getpid();
    shared->folder = *folder;
    rc = en_folder_lock(&shared->folder, err);
    if (rc == 0)
        rc = open_locked(shared, options, err);
    if (rc == 0)
        rc = en_folder_settle(&shared->folder, err);
    if (rc != 0) {
        close_parts(shared);
        free(shared);
        return rc;
    }
    shared->next = list.first;
    list.first = shared;
    *out = shared;
    return 0;
}

int en_shared_acquire(struct en_shared **out, const struct en_shared_options *options,
                      struct enoki_error *err)
{
    struct en_shared *shared;
    struct en_folder folder;
    int rc = en_folder_init(&folder, options->dir, options->keygroup, options->must_exist, err);

    if (rc != 0)
        return rc;
    (void)pthread_mutex_lock(&list.lock);
    shared = find(&folder);
    if (shared == NULL) {
        rc = open_new(&shared, &folder, options, err);
    } else {
        en_folder_fini(&folder);
        rc = options->durable ? 0 : mark(shared, err);
    }
    if (rc == 0) {
        shared->handles++;
        *out = shared;
    }
    (void)pthread_mutex_unlock(&list.lock);
    return rc;
}

static void unlink_from_list(const struct en_shared *shared)
{
    struct en_shared **at = &list.first;

    while (*at != shared)
        at = &(*at)->next;
    *at = shared->next;
}

void en_shared_release(struct en_shared *shared)
{
    (void)pthread_mutex_lock(&list.lock);
    if (--shared->handles == 0) {
        unlink_from_list(shared);
        if (shared->marked && shared->pid == getpid() && en_folder_is_last(&shared->folder) &&
            en_env_sync(shared->env) == 0)
            en_folder_clear_boot(&shared->folder);
        close_parts(shared);
        free(shared);
    }
    (void)pthread_mutex_unlock(&list.lock);
}

struct en_env *en_shared_env(const struct en_shared *shared)
{
    return shared->env;
}

struct en_queue *en_shared_queue(const struct en_shared *shared)
{
    return shared->queue;
}

enum enoki_keygroup_kind en_shared_kind(const struct en_shared *shared)
{
    return shared->kind;
}
