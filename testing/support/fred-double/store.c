#include "store.h"

#include <stdlib.h>
#include <string.h>

struct store {
    size_t count;
    size_t room;
    struct item **items; /* in key order */
};

bool is_legal_name(struct text name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return name.len > 0;
}

/* --- items in the order of id + "|" ------------------------------------------------------------
 */

static int compare(const char *id, struct text other)
{
    size_t i = 0;

    for (;; i++) {
        unsigned char a = id[i] == '\0' ? '|' : (unsigned char)id[i];
        unsigned char b = i == other.len ? '|' : (unsigned char)other.data[i];

        if (a != b)
            return a < b ? -1 : 1;
        if (id[i] == '\0' || i == other.len)
            return 0;
    }
}

/* Where the id is, or belongs. */
static size_t position(const struct store *store, struct text id, bool *found)
{
    size_t low = 0, high = store->count;

    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int side = compare(store->items[middle]->id, id);

        if (side == 0) {
            *found = true;
            return middle;
        }
        if (side < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct item *find(const struct store *store, struct text id)
{
    bool found;
    size_t at = position(store, id, &found);

    return found ? store->items[at] : NULL;
}

static struct item *find_or_add(struct store *store, struct text id)
{
    bool found;
    size_t at = position(store, id, &found);
    struct item *item;

    if (found)
        return store->items[at];
    if (store->count == store->room) {
        store->room = store->room == 0 ? 16 : store->room * 2;
        store->items = need(realloc(store->items, store->room * sizeof(struct item *)));
    }
    memmove(&store->items[at + 1], &store->items[at], (store->count - at) * sizeof(struct item *));
    item = need(calloc(1, sizeof(*item)));
    item->id = duplicate(id.data, id.len);
    store->items[at] = item;
    store->count++;
    return item;
}

struct store *store_new(void)
{
    return need(calloc(1, sizeof(struct store)));
}

/* --- versions ----------------------------------------------------------------------------------
 */

static void drop_version(struct item *item, size_t index)
{
    clock_fini(&item->versions[index].clock);
    free(item->versions[index].value);
    item->versions[index] = item->versions[--item->version_count];
}

static void drop_versions(struct item *item)
{
    while (item->version_count > 0)
        drop_version(item, item->version_count - 1);
    free(item->versions);
    item->versions = NULL;
}

/* The clocks of what has expired stay known. */
static void expire(struct item *item, uint64_t now_ms)
{
    for (size_t i = item->version_count; i-- > 0;)
        if (item->versions[i].expires_ms != 0 && item->versions[i].expires_ms <= now_ms)
            drop_version(item, i);
}

static void add_version(struct item *item, const struct clock *clock, struct text value,
                        uint64_t expires_ms)
{
    struct version *version;

    item->versions =
        need(realloc(item->versions, (item->version_count + 1) * sizeof(*item->versions)));
    version = &item->versions[item->version_count++];
    clock_copy(&version->clock, clock);
    version->value = duplicate(value.data, value.len);
    version->len = value.len;
    version->expires_ms = expires_ms;
}

/* Counted in whole seconds, as FReD's store does: a value may live up to a second less. */
static uint64_t end_of(int64_t expiry_s, uint64_t now_ms)
{
    return expiry_s > 0 ? (now_ms / 1000 + (uint64_t)expiry_s) * 1000 : 0;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->count; i++) {
        drop_versions(store->items[i]);
        clocks_clear(&store->items[i]->known);
        free(store->items[i]->id);
        free(store->items[i]);
    }
    free(store->items);
    free(store);
}

/* --- writes ------------------------------------------------------------------------------------
 */

static bool is_covered(const struct clock *clock, const struct store_write *write)
{
    for (size_t i = 0; i < write->given_count; i++)
        if (clock_covers(&write->given[i], clock))
            return true;
    return false;
}

/* The clock of a write: all that it knows, and a tick. */
static void make_clock(struct clock *made, const struct item *item, const struct store_write *write)
{
    *made = (struct clock){0, NULL};
    for (size_t i = 0; i < write->given_count; i++)
        clock_merge(made, &write->given[i]);
    for (size_t i = 0; write->given_count == 0 && i < item->known.count; i++)
        clock_merge(made, &item->known.clocks[i]);
    clock_tick(made, write->node);
}

enum store_result store_update(struct store *store, const struct store_write *write,
                               struct clock *made)
{
    struct item *item;

    if (!is_legal_name(write->id))
        return STORE_BAD_ID;
    item = find_or_add(store, write->id);
    expire(item, write->now_ms);
    for (size_t i = 0; write->given_count > 0 && i < item->known.count; i++)
        if (!is_covered(&item->known.clocks[i], write))
            return STORE_REFUSED;
    make_clock(made, item, write);
    /* Versions that arrived with an empty clock are never among the known ones: they stay. */
    for (size_t i = item->version_count; i-- > 0;)
        if (clocks_has(&item->known, &item->versions[i].clock))
            drop_version(item, i);
    clocks_clear(&item->known);
    clocks_add(&item->known, made);
    add_version(item, made, write->value, end_of(write->expiry_s, write->now_ms));
    return STORE_OK;
}

enum store_result store_remove(struct store *store, const struct store_write *write,
                               struct clock *made)
{
    static const struct text nothing = {"", 0};
    struct item *item = is_legal_name(write->id) ? find(store, write->id) : NULL;

    if (item != NULL)
        expire(item, write->now_ms);
    if (item == NULL || item->version_count == 0)
        return STORE_MISSING;
    for (size_t i = 0; i < write->given_count; i++)
        for (size_t k = 0; k < item->known.count; k++)
            if (clock_covers(&item->known.clocks[k], &write->given[i]) &&
                !clock_equal(&item->known.clocks[k], &write->given[i]))
                return STORE_REFUSED;
    make_clock(made, item, write);
    for (size_t k = item->known.count; k-- > 0;) {
        const struct clock *known = &item->known.clocks[k];

        if (write->given_count > 0 && !clock_covers(made, known))
            continue;
        for (size_t i = item->version_count; i-- > 0;)
            if (clock_equal(&item->versions[i].clock, known))
                drop_version(item, i);
        clocks_remove(&item->known, k);
    }
    clocks_add(&item->known, made);
    add_version(item, made, nothing, 0);
    return STORE_OK;
}

enum store_result store_append(struct store *store, struct text id, struct text value,
                               int64_t expiry_s, uint64_t now_ms)
{
    const struct clock empty = {0, NULL};
    struct item *item = find_or_add(store, id);

    expire(item, now_ms);
    if (item->version_count > 0)
        return STORE_REFUSED;
    add_version(item, &empty, value, end_of(expiry_s, now_ms));
    return STORE_OK;
}

void store_put(struct store *store, struct text id, struct text value, const struct clock *clock,
               int64_t expiry_s, uint64_t now_ms)
{
    struct item *item = find_or_add(store, id);

    expire(item, now_ms);
    for (size_t k = 0; k < item->known.count; k++)
        if (clock_covers(&item->known.clocks[k], clock))
            return;
    for (size_t k = item->known.count; k-- > 0;) {
        if (!clock_covers(clock, &item->known.clocks[k]))
            continue;
        for (size_t i = item->version_count; i-- > 0;)
            if (clock_equal(&item->versions[i].clock, &item->known.clocks[k]))
                drop_version(item, i);
        clocks_remove(&item->known, k);
    }
    if (clock->count > 0)
        clocks_add(&item->known, clock);
    add_version(item, clock, value, end_of(expiry_s, now_ms));
}

/* --- reads -------------------------------------------------------------------------------------
 */

enum store_result store_read(struct store *store, struct text id, const struct clock *given,
                             size_t given_count, uint64_t now_ms, store_visit visit, void *context)
{
    struct item *item;
    bool any = false;

    if (!is_legal_name(id))
        return STORE_BAD_ID;
    item = find(store, id);
    if (item == NULL)
        return STORE_MISSING;
    expire(item, now_ms);
    for (size_t i = 0; i < item->version_count; i++) {
        const struct version *version = &item->versions[i];

        if (version->len == 0)
            continue;
        for (size_t k = 0; k < given_count || (given_count == 0 && k == 0); k++) {
            if (given_count > 0 && !clock_covers(&given[k], &version->clock))
                continue;
            any = true;
            if (!visit(context, item, version))
                return STORE_OK;
        }
    }
    return any ? STORE_OK : STORE_MISSING;
}

enum store_result store_scan(struct store *store, struct text start, uint64_t count,
                             uint64_t now_ms, store_visit visit, void *context)
{
    struct item *first;
    bool found;
    size_t at;

    if (!is_legal_name(start))
        return STORE_BAD_ID;
    at = position(store, start, &found);
    if (!found)
        return STORE_MISSING;
    first = store->items[at];
    expire(first, now_ms);
    if (first->version_count == 0)
        return STORE_MISSING;
    for (; at < store->count; at++) {
        struct item *item = store->items[at];

        expire(item, now_ms);
        for (size_t i = 0; i < item->version_count; i++)
            if (count-- == 0 || !visit(context, item, &item->versions[i]))
                return STORE_OK;
    }
    return STORE_OK;
}

void store_walk(struct store *store, uint64_t now_ms, store_visit visit, void *context)
{
    for (size_t at = 0; at < store->count; at++) {
        struct item *item = store->items[at];

        expire(item, now_ms);
        for (size_t i = 0; i < item->version_count; i++)
            if (!visit(context, item, &item->versions[i]))
                return;
    }
}
