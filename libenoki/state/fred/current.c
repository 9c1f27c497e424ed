#include "state/fred/store.h"

#include "state/fred/value.h"

#include <stdlib.h>
#include <string.h>

/* Versions of one item that are asked for at first. */
#define FIRST_COUNT 8u
#define MAX_COUNT 65536u

size_t en_fred_newest(struct en_version_view *versions, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        bool covered = false;

        for (size_t k = 0; !covered && k < count; k++) {
            enum enoki_order order = en_version_order(versions[i], versions[k]);

            covered = order == ENOKI_ORDER_BEFORE || (order == ENOKI_ORDER_EQUAL && k < i);
        }
        if (covered)
            continue;
        /* Those in front were looked at already; what is compared with next is not moved. */
        struct en_version_view view = versions[i];
        versions[i] = versions[kept];
        versions[kept++] = view;
    }
    return kept;
}

/* Where the tombstones' clocks are kept. */
struct tombs {
    struct en_fred_items keys;
};

static enum en_fred_result read_keys(struct en_fred_store *store, struct en_fred_link *link,
                                     uint64_t deadline_ms, const char *id,
                                     struct en_fred_items *out, struct enoki_error *err)
{
    enum en_fred_result result = EN_FRED_OK;

    for (uint64_t count = FIRST_COUNT; count <= MAX_COUNT; count *= 4) {
        result = store->api->scan(link, deadline_ms, store->keygroup, id, count, false, out, err);
        if (result == EN_FRED_UNIMPLEMENTED)
            result =
                store->api->scan(link, deadline_ms, store->keygroup, id, count, true, out, err);
        if (result != EN_FRED_OK)
            return result;
        /* Versions of another item, or the end: these are all. */
        if (out->count < count || strcmp(out->items[out->count - 1].id, id) != 0)
            return EN_FRED_OK;
        store->api->items_free(out);
    }
    (void)enoki_error_set(err, ENOKI_ELIMIT, "item '%.100s' has more than %u versions", id,
                          MAX_COUNT);
    return EN_FRED_FAILED;
}

static bool is_among(const struct en_version_view *versions, size_t count,
                     struct en_version_view version)
{
    for (size_t i = 0; i < count; i++)
        if (en_version_order(versions[i], version) == ENOKI_ORDER_EQUAL)
            return true;
    return false;
}

/* All versions: the live ones, then those that only the keys have. */
static enum en_fred_result collect(struct en_fred_current *out, const struct en_fred_items *keys,
                                   const char *id, struct enoki_error *err)
{
    out->versions = calloc(out->live.count + keys->count + 1, sizeof(*out->versions));
    if (out->versions == NULL) {
        (void)enoki_error_set(err, ENOKI_ENOMEM, "out of memory for versions");
        return EN_FRED_NO_MEMORY;
    }
    for (size_t i = 0; i < out->live.count; i++)
        if (!is_among(out->versions, out->count, out->live.items[i].version))
            out->versions[out->count++] = out->live.items[i].version;
    out->live_count = out->count;
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->items[i].id, id) == 0 &&
            !is_among(out->versions, out->count, keys->items[i].version))
            out->versions[out->count++] = keys->items[i].version;
    return EN_FRED_OK;
}

enum en_fred_result en_fred_current_get(struct en_fred_store *store, struct en_fred_link *link,
                                        uint64_t deadline_ms, const char *id,
                                        struct en_fred_current *out, struct enoki_error *err)
{
    struct tombs *tombs = calloc(1, sizeof(*tombs));
    enum en_fred_result result;

    *out = (struct en_fred_current){.memory = tombs};
    if (tombs == NULL) {
        (void)enoki_error_set(err, ENOKI_ENOMEM, "out of memory for versions");
        return EN_FRED_NO_MEMORY;
    }
    /* The keys first: a version that the later answer does not show has no value by then. The other
     * way round, one that arrives between the two would be taken for a tombstone. */
    result = read_keys(store, link, deadline_ms, id, &tombs->keys, err);
    if (result == EN_FRED_OK || result == EN_FRED_NOT_FOUND)
        result = store->api->read(link, deadline_ms, store->keygroup, id, &out->live, err);
    /* Nothing was ever stored there, or it has expired, or all of it is removed. */
    if (result == EN_FRED_NOT_FOUND)
        result = EN_FRED_OK;
    if (result == EN_FRED_OK)
        result = collect(out, &tombs->keys, id, err);
    if (result != EN_FRED_OK)
        en_fred_current_fini(store, out);
    return result;
}

void en_fred_current_fini(struct en_fred_store *store, struct en_fred_current *current)
{
    struct tombs *tombs = current->memory;

    if (tombs != NULL)
        store->api->items_free(&tombs->keys);
    store->api->items_free(&current->live);
    free(tombs);
    free(current->versions);
    *current = (struct en_fred_current){.versions = NULL};
}

/* --- items for the caller ----------------------------------------------------------------------
 */

struct decoded {
    struct en_buffer room;
    const void *value;
    size_t len;
};

static int decode_all(struct en_fred_store *store, const struct en_fred_item *const *items,
                      size_t count, struct decoded *decoded, struct en_items_plan *plan)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        decoded[i].room.max = SIZE_MAX / 2;
        rc = en_fred_value_decode(store->tls, items[i]->value, items[i]->value_len,
                                  &decoded[i].room, &decoded[i].value, &decoded[i].len);
        if (rc == 0)
            rc = en_items_plan_add(plan, strlen(items[i]->id), items[i]->version.len,
                                   decoded[i].len);
    }
    return rc;
}

int en_fred_make_items(struct en_fred_store *store, const struct en_fred_item *const *items,
                       size_t count, bool with_values, bool is_stale, struct enoki_items **out)
{
    struct decoded few[4] = {0};
    struct decoded *decoded = few;
    struct en_items_plan plan = {0};
    int rc = 0;

    if (count > sizeof(few) / sizeof(few[0])) {
        decoded = calloc(count, sizeof(*decoded));
        if (decoded == NULL)
            return ENOKI_ENOMEM;
    }
    if (with_values)
        rc = decode_all(store, items, count, decoded, &plan);
    for (size_t i = 0; rc == 0 && !with_values && i < count; i++)
        rc = en_items_plan_add(&plan, strlen(items[i]->id), items[i]->version.len, 0);
    if (rc == 0)
        rc = en_items_new(out, &plan);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct en_items_entry entry = {items[i]->id, strlen(items[i]->id), items[i]->version,
                                             decoded[i].value, decoded[i].len};

        en_items_add(*out, &entry);
    }
    if (rc == 0 && is_stale)
        en_items_mark_stale(*out);
    for (size_t i = 0; i < count; i++)
        en_buffer_fini(&decoded[i].room);
    if (decoded != few)
        free(decoded);
    return rc;
}
