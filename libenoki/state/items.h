/*
 * items.h - builds what reads hand out: plan every entry first, then fill, in one allocation.
 *
 *   struct en_items_plan plan = {0};
 *   en_items_plan_add(&plan, id_len, version.len, value_len)   ... for every entry
 *   en_items_new(&items, &plan)
 *   en_items_add(items, &entry)                                ... the same entries
 *
 * Memory   Everything added is copied. The list is freed with enoki_items_free().
 * Threads  one thread at a time while it is built, then any thread.    Fork  safe.
 */
#ifndef EN_ITEMS_H
#define EN_ITEMS_H

#include "wire/version.h"

/* Bytes that one scan may hand out, versions and ids included. */
#define EN_ITEMS_MAX_BYTES ((size_t)ENOKI_SCAN_MAX_BYTES)

struct en_items_plan {
    size_t count;
    size_t bytes;
};

struct en_items_entry {
    const char *id;
    size_t id_len;
    struct en_version_view version;
    const void *value; /* may be NULL if value_len is 0 */
    size_t value_len;
};

/* ENOKI_ELIMIT: more than EN_ITEMS_MAX_BYTES. */
ENOKI_MUST_CHECK int en_items_plan_add(struct en_items_plan *plan, size_t id_len,
                                       size_t version_len, size_t value_len);

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_items_new(struct enoki_items **out, const struct en_items_plan *plan);

/* Must have been planned. */
void en_items_add(struct enoki_items *items, const struct en_items_entry *entry);

/* As enoki_items_is_stale() tells. */
void en_items_mark_stale(struct enoki_items *items);

#endif
