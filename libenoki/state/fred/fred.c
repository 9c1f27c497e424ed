#include "state/fred/fred.h"

#include "state/fred/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A store and the handles that share it. */
struct shared {
    struct shared *next;
    unsigned handles;
    pid_t pid;
    char *key; /* what must be the same to share it */
    struct en_fred_store store;
};

/* Every handle finds here what another one has opened, as in store/shared.h; a mutex protects it,
 * opening and closing hold it. */
static struct {
    pthread_mutex_t lock;
    struct shared *first;
} list = {PTHREAD_MUTEX_INITIALIZER, NULL};

static char *key_of(const struct en_backend_settings *settings)
{
    const struct en_uri *uri = settings->uri;
    char *key = NULL;

    return asprintf(&key, "%s\n%s\n%s\n%s\n%s\n%s\n%d", uri->where, settings->keygroup, uri->tls,
                    uri->user, uri->node != NULL ? uri->node : "",
                    uri->session != NULL ? uri->session : "", (int)uri->stale) < 0
               ? NULL
               : key;
}

static struct shared *find(const char *key)
{
    for (struct shared *shared = list.first; shared != NULL; shared = shared->next)
        if (shared->pid == getpid() && strcmp(shared->key, key) == 0)
            return shared;
    return NULL;
}

static void free_shared(struct shared *shared)
{
    if (shared->pid == getpid()) {
        en_session_close(shared->store.session);
        en_fred_nodes_free(shared->store.nodes);
    }
    for (size_t i = 0; i < EN_FRED_ORDERS; i++)
        (void)pthread_mutex_destroy(&shared->store.orders[i]);
    free(shared->store.keygroup);
    free(shared->key);
    free(shared);
}

static int open_parts(struct en_fred_store *store, const struct en_backend_settings *settings,
                      struct enoki_error *err)
{
    const struct en_uri *uri = settings->uri;
    const struct en_session_options session = {
        .folder = uri->session,
        .keygroup = settings->keygroup,
        .durable = strcmp(settings->durability, "sync") == 0,
        .notify = settings->notify,
    };
    struct en_fred_nodes_options nodes = {
        .addresses = uri->where,
        .node = uri->node,
        .tls = uri->tls,
        .user = uri->user,
        .keygroup = settings->keygroup,
        .notify = settings->notify,
    };
    int rc = en_fred_api_load(&store->api, err);

    store->stale = uri->stale;
    store->expiry_s = uri->expiry_s;
    store->notify = settings->notify;
    if (rc == 0)
        rc = en_tls_api_load(&store->tls, err);
    nodes.api = store->api;
    if (rc == 0)
        rc = en_fred_nodes_new(&store->nodes, &nodes, err);
    /* Before anything is changed at FReD. */
    if (rc == 0)
        rc = en_session_open(&store->session, &session, err);
    return rc;
}

static int open_shared(struct shared **out, char *key, const struct en_backend_settings *settings,
                       struct enoki_error *err)
{
    struct shared *shared = calloc(1, sizeof(*shared));
    int rc;

    if (shared == NULL) {
        free(key);
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a state handle");
    }
    shared->key = key;
    shared->pid = getpid();
    shared->store.keygroup = strdup(settings->keygroup);
    for (size_t i = 0; i < EN_FRED_ORDERS; i++)
        (void)pthread_mutex_init(&shared->store.orders[i], NULL);
    rc = shared->store.keygroup == NULL
             ? enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a state handle")
             : open_parts(&shared->store, settings, err);
    if (rc == 0)
        rc = en_fred_open_keygroup(&shared->store, settings, err);
    if (rc != 0) {
        free_shared(shared);
        return rc;
    }
    shared->next = list.first;
    list.first = shared;
    *out = shared;
    return 0;
}

static int fred_open(void **self_out, const struct en_backend_settings *settings,
                     enum enoki_keygroup_kind *kind_out, struct enoki_error *err)
{
    char *key = key_of(settings);
    struct shared *shared;
    int rc = 0;

    if (key == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a state handle");
    (void)pthread_mutex_lock(&list.lock);
    shared = find(key);
    if (shared == NULL)
        rc = open_shared(&shared, key, settings, err);
    else
        free(key);
    if (rc == 0) {
        shared->handles++;
        *kind_out = shared->store.kind;
        *self_out = shared;
    }
    (void)pthread_mutex_unlock(&list.lock);
    return rc;
}

static void fred_close(void *self)
{
    struct shared *shared = self;
    struct shared **at = &list.first;

    (void)pthread_mutex_lock(&list.lock);
    if (--shared->handles == 0) {
        while (*at != shared)
            at = &(*at)->next;
        *at = shared->next;
        free_shared(shared);
    }
    (void)pthread_mutex_unlock(&list.lock);
}

/* gRPC does not survive a fork. */
static int check_process(const struct shared *shared, struct enoki_error *err)
{
    if (shared->pid == getpid())
        return 0;
    return enoki_error_set(err, ENOKI_ECLOSED,
                           "the state was opened by the parent process: open it after the fork");
}

static int fred_read(void *self, uint64_t deadline_ms, const char *id, struct enoki_items **out,
                     struct enoki_error *err)
{
    struct shared *shared = self;
    int rc = check_process(shared, err);

    return rc != 0 ? rc : en_fred_read(&shared->store, deadline_ms, id, out, err);
}

static int fred_scan(void *self, uint64_t deadline_ms, const char *start, uint64_t count,
                     bool with_values, struct enoki_items **out, struct enoki_error *err)
{
    struct shared *shared = self;
    int rc = check_process(shared, err);

    return rc != 0 ? rc
                   : en_fred_scan(&shared->store, deadline_ms, start, count, with_values, out, err);
}

static int fred_write(void *self, uint64_t deadline_ms, const struct en_backend_write *write,
                      struct enoki_error *err)
{
    struct shared *shared = self;
    int rc = check_process(shared, err);

    return rc != 0 ? rc : en_fred_write(&shared->store, deadline_ms, write, err);
}

static int fred_append(void *self, uint64_t deadline_ms, const void *value, size_t value_len,
                       char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err)
{
    struct shared *shared = self;
    int rc = check_process(shared, err);

    return rc != 0 ? rc
                   : en_fred_append(&shared->store, deadline_ms, value, value_len, id_out, err);
}

static int fred_import(void *self, uint64_t deadline_ms, const char *id,
                       const struct enoki_version *version, const void *value, size_t value_len,
                       struct enoki_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)version;
    (void)value;
    (void)value_len;
    return enoki_error_set(err, ENOKI_EINVAL,
                           "item '%.100s' cannot be imported: FReD takes versions from its nodes "
                           "only",
                           id);
}

const struct en_backend en_fred_backend = {
    .scheme = "fred",
    .is_local = false,
    .open = fred_open,
    .close = fred_close,
    .read = fred_read,
    .scan = fred_scan,
    .write = fred_write,
    .append = fred_append,
    .import = fred_import,
};
