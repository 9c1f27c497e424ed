#include "spool.h"

#include "spool_store.h"

#include <pthread.h>
#include <stdlib.h>

/* What a record costs beside its bytes: heads, and the end of a page. */
#define RECORD_EXTRA_BYTES 4096u

struct job {
    struct spool_change change; /* first; its next is the job's */
    spool_stored_fn stored;     /* PUT */
    void *context;
    int rc;
};

struct jobs {
    struct spool_change *first, **last;
};

struct spool {
    struct spool_store *store;
    uint64_t next_number;
    uint64_t first_new; /* the first number of this time */
    uint64_t count, bytes, max_bytes;

    pthread_t writer;
    bool has_writer;
    struct en_wake *wake;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct jobs waiting, done; /* protected by mutex, as ending */
    bool ending;
};

static void clear(struct jobs *jobs)
{
    jobs->first = NULL;
    jobs->last = &jobs->first;
}

static struct spool_change *take_all(struct jobs *jobs)
{
    struct spool_change *first = jobs->first;

    clear(jobs);
    return first;
}

static void append(struct jobs *jobs, struct spool_change *list)
{
    *jobs->last = list;
    while (*jobs->last != NULL)
        jobs->last = &(*jobs->last)->next;
}

/* --- the writer ---------------------------------------------------------------------------------
 */

/* What is done is written even if there is no room for what is new. */
static void write_all(struct spool *spool, struct spool_change *first)
{
    int rc = spool_store_commit(spool->store, first, true);

    if (rc == 0)
        return;
    for (struct spool_change *change = first; change != NULL; change = change->next)
        ((struct job *)(void *)change)->rc = rc;
    rc = spool_store_commit(spool->store, first, false);
    (void)rc; /* logged; calls that have run may run again after a restart */
}

static void *write_on(void *context)
{
    struct spool *spool = context;

    (void)pthread_mutex_lock(&spool->mutex);
    while (!spool->ending || spool->waiting.first != NULL) {
        struct spool_change *first = take_all(&spool->waiting);

        if (first == NULL) {
            (void)pthread_cond_wait(&spool->changed, &spool->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&spool->mutex);
        write_all(spool, first);
        (void)pthread_mutex_lock(&spool->mutex);
        append(&spool->done, first);
        en_wake_send(spool->wake);
    }
    (void)pthread_mutex_unlock(&spool->mutex);
    return NULL;
}

/* --- the loop's ---------------------------------------------------------------------------------
 */

static void forget(struct spool *spool, size_t bytes)
{
    spool->count--;
    spool->bytes -= bytes + RECORD_EXTRA_BYTES;
}

static void end_job(struct spool *spool, struct job *job)
{
    struct spool_change *change = &job->change;

    if (change->kind == SPOOL_DROP && change->freed > 0)
        forget(spool, change->freed);
    if (change->kind == SPOOL_PUT && job->rc != 0)
        forget(spool, change->bytes.len);
    if (change->kind == SPOOL_PUT)
        job->stored(job->context, change->number, job->rc);
    en_buffer_fini(&change->bytes);
    free(job);
}

static void on_wake(void *context)
{
    struct spool *spool = context;
    struct spool_change *change;

    (void)pthread_mutex_lock(&spool->mutex);
    change = take_all(&spool->done);
    (void)pthread_mutex_unlock(&spool->mutex);
    while (change != NULL) {
        struct spool_change *next = change->next;

        end_job(spool, (struct job *)(void *)change);
        change = next;
    }
}

/* NULL: no memory. */
static struct job *new_job(enum spool_kind kind, uint64_t number)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->change.kind = kind;
    job->change.number = number;
    return job;
}

static void hand_over(struct spool *spool, struct job *job)
{
    (void)pthread_mutex_lock(&spool->mutex);
    append(&spool->waiting, &job->change);
    (void)pthread_cond_signal(&spool->changed);
    (void)pthread_mutex_unlock(&spool->mutex);
}

int spool_put(struct spool *spool, struct en_buffer *bytes, spool_stored_fn stored, void *context)
{
    struct job *job;

    if (spool->bytes + bytes->len + RECORD_EXTRA_BYTES > spool->max_bytes)
        return ENOKI_ELIMIT;
    job = new_job(SPOOL_PUT, spool->next_number);
    if (job == NULL)
        return ENOKI_ENOMEM;
    job->change.bytes = *bytes;
    job->stored = stored;
    job->context = context;
    spool->next_number++;
    spool->count++;
    spool->bytes += bytes->len + RECORD_EXTRA_BYTES;
    hand_over(spool, job);
    return 0;
}

void spool_mark(struct spool *spool, uint64_t number, uint32_t attempts)
{
    struct job *job = new_job(SPOOL_MARK, number);

    if (job == NULL)
        return; /* it counts as one try fewer */
    job->change.attempts = attempts;
    hand_over(spool, job);
}

void spool_drop(struct spool *spool, uint64_t number)
{
    struct job *job = new_job(SPOOL_DROP, number);

    if (job != NULL) /* else it may run again after a restart */
        hand_over(spool, job);
}

int spool_next(struct spool *spool, uint64_t above, uint64_t *number_out, uint32_t *attempts_out,
               struct en_buffer *bytes)
{
    return spool_store_next(spool->store, above, spool->first_new, number_out, attempts_out, bytes);
}

uint64_t spool_count(const struct spool *spool)
{
    return spool->count;
}

uint64_t spool_bytes(const struct spool *spool)
{
    return spool->bytes;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static int open_it(struct spool *spool, const struct spool_options *options,
                   struct enoki_error *err)
{
    struct spool_content content;
    int rc = spool_store_open(&spool->store, options->path, options->max_bytes, options->log,
                              &content, err);

    if (rc != 0)
        return rc;
    spool->max_bytes = options->max_bytes;
    spool->first_new = spool->next_number = content.last_number + 1;
    spool->count = content.count;
    spool->bytes = content.bytes + content.count * RECORD_EXTRA_BYTES;
    rc = en_wake_new(&spool->wake, options->loop, on_wake, spool);
    if (rc == 0)
        spool->has_writer = pthread_create(&spool->writer, NULL, write_on, spool) == 0;
    return spool->has_writer
               ? 0
               : enoki_error_set(err, ENOKI_ENOMEM, "no memory for accepted calls");
}

int spool_new(struct spool **out, const struct spool_options *options, struct enoki_error *err)
{
    struct spool *spool = calloc(1, sizeof(*spool));
    int rc;

    if (spool == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for accepted calls");
    clear(&spool->waiting);
    clear(&spool->done);
    (void)pthread_mutex_init(&spool->mutex, NULL);
    (void)pthread_cond_init(&spool->changed, NULL);
    rc = open_it(spool, options, err);
    if (rc != 0) {
        spool_free(spool);
        return rc;
    }
    *out = spool;
    return 0;
}

void spool_free(struct spool *spool)
{
    if (spool == NULL)
        return;
    (void)pthread_mutex_lock(&spool->mutex);
    spool->ending = true;
    (void)pthread_cond_signal(&spool->changed);
    (void)pthread_mutex_unlock(&spool->mutex);
    if (spool->has_writer) {
        (void)pthread_join(spool->writer, NULL);
        on_wake(spool);
    }
    en_wake_free(spool->wake);
    spool_store_close(spool->store);
    (void)pthread_cond_destroy(&spool->changed);
    (void)pthread_mutex_destroy(&spool->mutex);
    free(spool);
}
