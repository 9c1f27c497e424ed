#include "state/session/session.h"

#include "state/session/journal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* An item with more concurrent versions than this is none that replicas make. */
#define VERSIONS_MAX 4096u
#define KEPT_MAX_BYTES ((size_t)64 << 20)

struct en_session {
    struct en_table *table;
    struct en_journal *journal; /* NULL: in memory only */
    pthread_mutex_t changing;   /* before a part's lock: the journal has changes in their order */
    atomic_bool is_in_doubt;
    uint64_t doubt_ends_ms;
    struct en_notify notify;
    pid_t pid;
};

/* Milliseconds are enough, and this clock costs next to nothing. */
static uint64_t coarse_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int load(void *context, const struct en_table_content *content)
{
    struct en_session *session = context;
    uint64_t hash;
    struct en_table_part *part = en_table_lock(session->table, content->id, &hash);
    int rc = en_table_put(session->table, part, content, hash, coarse_ms());

    en_table_unlock(part);
    return rc;
}

static void tell(const struct en_session *session, const char *folder,
                 const struct en_journal_news *news)
{
    if (news->was_damaged)
        en_notify(
            &session->notify, EN_NOTIFY_WARN,
            "the session in '%s' cannot be read: beginning anew, and asking all replicas once "
            "for each item",
            folder);
    else if (news->is_in_doubt && news->was_cut)
        en_notify(&session->notify, EN_NOTIFY_WARN,
                  "the session in '%s' is damaged: its end is lost; asking all replicas once for "
                  "each item",
                  folder);
    else if (news->is_in_doubt)
        en_notify(&session->notify, EN_NOTIFY_WARN,
                  "the session in '%s' was not closed before the machine went down: asking all "
                  "replicas once for each item",
                  folder);
}

static int open_journal(struct en_session *session, const struct en_session_options *options,
                        struct enoki_error *err)
{
    struct en_journal_options journal = {NULL, options->durable, options->boot_id};
    struct en_journal_news news;
    char *folder;
    int rc;

    if (asprintf(&folder, "%s/%s.session", options->folder, options->keygroup) < 0)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the session");
    journal.folder = folder;
    rc = en_journal_open(&session->journal, &journal, load, session, &news, err);
    if (rc == 0) {
        tell(session, folder, &news);
        atomic_store(&session->is_in_doubt, news.is_in_doubt);
        rc = en_journal_renew(session->journal, session->table, news.is_in_doubt, err);
    }
    free(folder);
    return rc;
}

int en_session_open(struct en_session **out, const struct en_session_options *options,
                    struct enoki_error *err)
{
    uint64_t age = options->max_age_ms != 0 ? options->max_age_ms : EN_SESSION_MAX_AGE_MS;
    struct en_session *session = calloc(1, sizeof(*session));
    int rc = ENOKI_ENOMEM;

    if (session != NULL) {
        (void)pthread_mutex_init(&session->changing, NULL);
        session->notify = options->notify;
        session->pid = getpid();
        session->doubt_ends_ms = coarse_ms() + age;
        rc = en_table_new(&session->table, age);
    }
    if (rc != 0) {
        free(session);
        return enoki_error_set(err, rc, "out of memory for the session");
    }
    if (options->folder != NULL)
        rc = open_journal(session, options, err);
    if (rc == 0)
        *out = session;
    else
        en_session_close(session);
    return rc;
}

void en_session_close(struct en_session *session)
{
    if (session == NULL)
        return;
    /* A child must not say that its parent's file is complete. */
    if (session->pid == getpid())
        en_journal_close(session->journal);
    en_table_free(session->table);
    (void)pthread_mutex_destroy(&session->changing);
    free(session);
}

/* --- what was seen -----------------------------------------------------------------------------
 */

/* Lays the versions of one block out as views. */
static void spread(struct en_version_view *views, uint32_t count, const unsigned char *bytes,
                   size_t len)
{
    for (uint32_t i = 0; i < count; i++) {
        /* Made by this module: it reads well. */
        if (en_version_view_read(bytes, len, &views[i]) != 0)
            views[i] = en_version_empty();
        bytes += views[i].len;
        len -= views[i].len;
    }
}

static int copy_entry(const struct en_table_entry *entry, struct en_seen *out)
{
    size_t views = entry->count * sizeof(struct en_version_view);
    unsigned char *bytes = out->room;

    out->versions = out->few;
    if (entry->count > sizeof(out->few) / sizeof(out->few[0]) ||
        entry->bytes_len > sizeof(out->room)) {
        out->memory = malloc(views + entry->bytes_len);
        if (out->memory == NULL)
            return ENOKI_ENOMEM;
        out->versions = out->memory;
        bytes = (unsigned char *)out->memory + views;
    }
    memcpy(bytes, en_table_versions(entry), entry->bytes_len);
    spread(out->versions, entry->count, bytes, entry->bytes_len);
    out->count = entry->count;
    out->is_removed = entry->is_removed;
    return 0;
}

int en_session_seen(struct en_session *session, const char *id, struct en_seen *out)
{
    struct en_table_entry *entry;
    struct en_table_part *part;
    uint64_t hash;
    int rc = 0;

    out->count = 0;
    out->versions = NULL;
    out->memory = NULL;
    out->is_removed = false;
    part = en_table_lock(session->table, id, &hash);
    entry = en_table_find(part, id, hash);
    if (entry != NULL && entry->count > 0) {
        entry->touched_ms = coarse_ms();
        rc = copy_entry(entry, out);
    }
    en_table_unlock(part);
    return rc;
}

void en_seen_fini(struct en_seen *seen)
{
    free(seen->memory);
    seen->memory = NULL;
}

static bool covers(enum enoki_order order)
{
    return order == ENOKI_ORDER_EQUAL || order == ENOKI_ORDER_BEFORE;
}

bool en_seen_is_covered(const struct en_seen *seen, const struct en_version_view *versions,
                        size_t count)
{
    for (size_t i = 0; i < seen->count; i++) {
        bool found = false;

        for (size_t k = 0; !found && k < count; k++)
            found = covers(en_version_order(seen->versions[i], versions[k]));
        if (!found)
            return false;
    }
    return true;
}

/* --- changes -----------------------------------------------------------------------------------
 */

/* What an entry becomes. */
struct change {
    const struct en_version_view *versions; /* to add */
    size_t count;
    const struct en_seen *replaced; /* versions that a write took the place of; may be NULL */
    bool is_removed;
    bool confirms;
};

static bool has_version(const struct en_seen *seen, struct en_version_view version)
{
    for (size_t i = 0; seen != NULL && i < seen->count; i++)
        if (en_version_order(seen->versions[i], version) == ENOKI_ORDER_EQUAL)
            return true;
    return false;
}

/* Known, or older than something known. */
static bool is_known(const struct en_seen *seen, struct en_version_view version)
{
    for (size_t i = 0; i < seen->count; i++)
        if (covers(en_version_order(version, seen->versions[i])))
            return true;
    return false;
}

static bool changes(const struct en_seen *now, const struct change *change, bool is_confirmed)
{
    if (change->confirms && !is_confirmed)
        return true;
    for (size_t i = 0; i < change->count; i++)
        if (!is_known(now, change->versions[i]))
            return true;
    return false;
}

/* The versions that a change leaves. */
struct merged {
    struct en_buffer versions;
    uint32_t count;
    uint32_t old_count; /* of those that were there */
};

static int keep(struct merged *out, struct en_version_view version)
{
    if (out->count == VERSIONS_MAX)
        return ENOKI_ELIMIT;
    out->count++;
    return en_buffer_append(&out->versions, version.bytes, version.len);
}

/* ALExANDRA's add, for each version in turn: what the new one covers goes, what is concurrent
 * stays. */
static int merge(const struct en_seen *now, const struct change *change, struct merged *out)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < now->count; i++) {
        bool gone = has_version(change->replaced, now->versions[i]);

        for (size_t k = 0; !gone && k < change->count; k++)
            gone = en_version_order(now->versions[i], change->versions[k]) == ENOKI_ORDER_BEFORE;
        if (!gone)
            rc = keep(out, now->versions[i]);
    }
    out->old_count = out->count;
    for (size_t k = 0; rc == 0 && k < change->count; k++) {
        bool gone = is_known(now, change->versions[k]) &&
                    !has_version(change->replaced, change->versions[k]);

        for (size_t other = 0; !gone && other < change->count; other++) {
            enum enoki_order order = en_version_order(change->versions[k], change->versions[other]);

            gone = order == ENOKI_ORDER_BEFORE || (order == ENOKI_ORDER_EQUAL && other < k);
        }
        if (!gone)
            rc = keep(out, change->versions[k]);
    }
    return rc;
}

static int keep_on_disk(struct en_session *session, const struct en_table_content *content)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    int rc;

    if (session->journal == NULL)
        return 0;
    rc = en_journal_add(session->journal, content);
    if (rc == ENOKI_ELIMIT) {
        rc = en_journal_renew(session->journal, session->table, atomic_load(&session->is_in_doubt),
                              &err);
        if (rc == 0)
            rc = en_journal_add(session->journal, content);
        else
            en_notify(&session->notify, EN_NOTIFY_ERROR, "%s", err.message);
    }
    return rc;
}

/* The disk first: what cannot be kept must not be known either. */
static int keep_merged(struct en_session *session, const char *id, const struct merged *merged,
                       bool is_removed, bool is_confirmed)
{
    const struct en_table_content content = {
        id, merged->versions.data, merged->versions.len, merged->count, is_removed, is_confirmed};
    struct en_table_part *part;
    uint64_t hash;
    int rc = keep_on_disk(session, &content);

    if (rc != 0)
        return rc;
    part = en_table_lock(session->table, id, &hash);
    rc = en_table_put(session->table, part, &content, hash, coarse_ms());
    en_table_unlock(part);
    return rc;
}

static int look_up(struct en_session *session, const char *id, struct en_seen *now,
                   bool *is_confirmed)
{
    const struct en_table_entry *entry;
    struct en_table_part *part;
    uint64_t hash;
    int rc = 0;

    part = en_table_lock(session->table, id, &hash);
    entry = en_table_find(part, id, hash);
    *is_confirmed = entry != NULL && entry->is_confirmed;
    if (entry != NULL)
        rc = copy_entry(entry, now);
    en_table_unlock(part);
    return rc;
}

static int apply(struct en_session *session, const char *id, const struct change *change)
{
    struct merged merged = {EN_BUFFER_INIT(KEPT_MAX_BYTES), 0, 0};
    struct en_seen now = {0};
    bool is_confirmed, is_removed;
    int rc;

    (void)pthread_mutex_lock(&session->changing);
    rc = look_up(session, id, &now, &is_confirmed);
    if (rc == 0 && changes(&now, change, is_confirmed)) {
        rc = merge(&now, change, &merged);
        /* Of what stays, and of what comes. */
        is_removed = (merged.old_count == 0 || now.is_removed) &&
                     (merged.count == merged.old_count || change->is_removed) && merged.count > 0;
        if (rc == 0)
            rc = keep_merged(session, id, &merged, is_removed, is_confirmed || change->confirms);
    }
    (void)pthread_mutex_unlock(&session->changing);
    en_seen_fini(&now);
    en_buffer_fini(&merged.versions);
    return rc;
}

int en_session_learn(struct en_session *session, const char *id, const struct en_seen *seen,
                     const struct en_version_view *versions, size_t count, bool is_removed)
{
    const struct change change = {versions, count, NULL, is_removed, false};

    if (!en_seen_is_covered(seen, versions, count))
        return ENOKI_ESTALE;
    /* Most answers bring nothing new. */
    if (count <= seen->count && !changes(seen, &change, true))
        return 0;
    return apply(session, id, &change);
}

int en_session_add(struct en_session *session, const char *id, struct en_version_view version,
                   bool is_removed)
{
    const struct change change = {&version, 1, NULL, is_removed, false};

    return apply(session, id, &change);
}

int en_session_wrote(struct en_session *session, const char *id, const struct en_seen *seen,
                     struct en_version_view made, bool is_removed)
{
    const struct change change = {&made, 1, seen, is_removed, false};

    return apply(session, id, &change);
}

/* --- doubt -------------------------------------------------------------------------------------
 */

bool en_session_is_in_doubt(struct en_session *session, const char *id)
{
    const struct en_table_entry *entry;
    struct en_table_part *part;
    bool is_confirmed;
    uint64_t hash;

    if (!atomic_load_explicit(&session->is_in_doubt, memory_order_relaxed))
        return false;
    /* By then every replica has what any of them had. */
    if (coarse_ms() > session->doubt_ends_ms) {
        atomic_store(&session->is_in_doubt, false);
        return false;
    }
    part = en_table_lock(session->table, id, &hash);
    entry = en_table_find(part, id, hash);
    is_confirmed = entry != NULL && entry->is_confirmed;
    en_table_unlock(part);
    return !is_confirmed;
}

int en_session_confirm(struct en_session *session, const char *id)
{
    const struct change change = {NULL, 0, NULL, false, true};

    return apply(session, id, &change);
}

int en_session_clear(struct en_session *session)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    int rc = 0;

    (void)pthread_mutex_lock(&session->changing);
    en_table_clear(session->table);
    atomic_store(&session->is_in_doubt, false);
    if (session->journal != NULL)
        rc = en_journal_renew(session->journal, session->table, false, &err);
    (void)pthread_mutex_unlock(&session->changing);
    return rc;
}

struct en_session_numbers en_session_numbers(struct en_session *session)
{
    struct en_table_numbers numbers = en_table_numbers(session->table);

    return (struct en_session_numbers){numbers.items, numbers.bytes, numbers.evicted};
}
