#include "state/store/store.h"

#include "base/clock.h"
#include "state/store/apply.h"
#include "state/store/lookup.h"
#include "state/store/queue.h"
#include "state/store/shared.h"
#include "state/uri.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store {
    struct en_shared *shared;
    bool durable;
    char node[];
};

static int store_open(void **self_out, const struct en_backend_settings *settings,
                      enum enoki_keygroup_kind *kind_out, struct enoki_error *err)
{
    const struct en_shared_options options = {
        .dir = settings->uri->where,
        .keygroup = settings->keygroup,
        .kind = settings->kind,
        .must_exist = settings->must_exist,
        .durable = strcmp(settings->durability, "sync") == 0,
    };
    size_t node_size = strlen(settings->node) + 1;
    struct store *store = calloc(1, sizeof(*store) + node_size);
    int rc;

    if (store == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a state handle");
    rc = en_shared_acquire(&store->shared, &options, err);
    if (rc != 0) {
        free(store);
        return rc;
    }
    store->durable = options.durable;
    memcpy(store->node, settings->node, node_size);
    *kind_out = en_shared_kind(store->shared);
    *self_out = store;
    return 0;
}

static void store_close(void *self)
{
    struct store *store = self;

    en_shared_release(store->shared);
    free(store);
}

/* A status that concerns one item, in words. */
static int item_error(const struct store *store, int status, const char *verb, const char *id,
                      struct enoki_error *err)
{
    char doing[64];

    switch (status) {
    case 0:
        return 0;
    case ENOKI_ENOTFOUND:
        return enoki_error_set(err, status, "there is no item '%.100s'", id);
    case ENOKI_ECONFLICT:
        return enoki_error_set(err, status, "item '%.100s' was changed: read it again", id);
    case ENOKI_ELIMIT:
        return enoki_error_set(err, status,
                               "item '%.100s' has too many siblings, nodes or bytes, or a counter "
                               "at its end: remove it under another node name",
                               id);
    default:
        (void)snprintf(doing, sizeof(doing), "%s of '%.40s'", verb, id);
        return en_env_error(en_shared_env(store->shared), status, doing, err);
    }
}

static int store_read(void *self, uint64_t deadline_ms, const char *id, struct enoki_items **out,
                      struct enoki_error *err)
{
    struct store *store = self;

    (void)deadline_ms; /* nothing here waits for a network */

    return item_error(store, en_lookup_read(en_shared_env(store->shared), id, out), "read", id,
                      err);
}

static int store_scan(void *self, uint64_t deadline_ms, const char *start, uint64_t count,
                      bool with_values, struct enoki_items **out, struct enoki_error *err)
{
    struct store *store = self;
    int rc = en_lookup_scan(en_shared_env(store->shared), start, count, with_values, out);

    (void)deadline_ms; /* nothing here waits for a network */

    if (rc == ENOKI_ELIMIT)
        return enoki_error_set(err, rc,
                               "a scan of '%llu' items from '%.100s' is above %u bytes: ask for "
                               "fewer",
                               (unsigned long long)count, start == NULL ? "" : start,
                               ENOKI_SCAN_MAX_BYTES);
    return item_error(store, rc, "scan", start == NULL ? "" : start, err);
}

struct alone {
    const struct en_op *op;
    struct en_op_result *result;
};

static int apply_alone(struct en_env_write *write, void *context)
{
    struct alone *alone = context;

    return en_op_apply(write, alone->op, alone->result);
}

/* Runs one operation; its own status or the transaction's. */
static int run(struct store *store, const struct en_op *op, struct en_op_result *result)
{
    struct alone alone = {op, result};
    int rc;

    if (store->durable)
        return en_queue_run(en_shared_queue(store->shared), op, result);
    rc = en_env_write(en_shared_env(store->shared), false, apply_alone, &alone);

    return rc != 0 ? rc : result->status;
}

/* The versions of one id among items; *count_out of them, NULL for none. */
static int collect(const struct enoki_items *items, const char *id, struct en_version_view **out,
                   size_t *count_out)
{
    size_t all = enoki_items_count(items);
    size_t count = 0;
    struct en_version_view *views;

    *out = NULL;
    *count_out = 0;
    if (all == 0)
        return 0;
    views = calloc(all, sizeof(*views));
    if (views == NULL)
        return ENOKI_ENOMEM;
    for (size_t i = 0; i < all; i++)
        if (strcmp(enoki_items_id(items, i), id) == 0)
            views[count++] = en_version_view(enoki_items_version(items, i));
    *out = views;
    *count_out = count;
    return 0;
}

static int store_write(void *self, uint64_t deadline_ms, const struct en_backend_write *write,
                       struct enoki_error *err)
{
    struct store *store = self;
    struct en_version_view *versions = NULL;
    struct en_op op = {
        .kind = EN_OP_WRITE,
        .expects = write->expect != NULL,
        .id = write->id,
        .node = store->node,
        .value = write->value,
        .value_len = write->value_len,
    };
    struct en_op_result result;
    int rc = 0;

    (void)deadline_ms; /* nothing here waits for a network */

    if (write->expect != NULL)
        rc = collect(write->expect->items, write->id, &versions, &op.version_count);
    op.versions = versions;
    if (rc == 0)
        rc = run(store, &op, &result);
    free(versions);
    return item_error(store, rc, write->value == NULL ? "removal" : "update", write->id, err);
}

static int store_append(void *self, uint64_t deadline_ms, const void *value, size_t value_len,
                        char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err)
{
    struct store *store = self;
    char now[ENOKI_APPEND_ID_BYTES];
    const struct en_op op = {
        .kind = EN_OP_APPEND,
        .id = now,
        .node = store->node,
        .value = value,
        .value_len = value_len,
    };
    struct en_op_result result;
    int rc;

    (void)deadline_ms; /* nothing here waits for a network */

    (void)snprintf(now, sizeof(now), "%" PRIu64, en_clock_wall_ns());
    rc = run(store, &op, &result);
    if (rc == 0)
        memcpy(id_out, result.id, sizeof(result.id));
    return item_error(store, rc, "append", now, err);
}

static int store_import(void *self, uint64_t deadline_ms, const char *id,
                        const struct enoki_version *version, const void *value, size_t value_len,
                        struct enoki_error *err)
{
    struct store *store = self;
    const struct en_version_view view = en_version_view(version);
    const struct en_op op = {
        .kind = EN_OP_IMPORT,
        .id = id,
        .node = store->node,
        .versions = &view,
        .version_count = 1,
        .value = value,
        .value_len = value_len,
    };
    struct en_op_result result;

    (void)deadline_ms; /* nothing here waits for a network */

    return item_error(store, run(store, &op, &result), "import", id, err);
}

const struct en_backend en_store_backend = {
    .scheme = "embedded",
    .is_local = true,
    .open = store_open,
    .close = store_close,
    .read = store_read,
    .scan = store_scan,
    .write = store_write,
    .append = store_append,
    .import = store_import,
};
