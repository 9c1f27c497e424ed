#include "state/items.h"

#include "base/checked.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    const char *id;
    const void *value;
    size_t value_len;
    const struct enoki_version *version;
};

struct enoki_items {
    size_t count;
    bool is_stale;
    char *free; /* where the next entry's bytes go */
    struct entry entries[];
};

/* An entry's bytes: version (aligned), id and NUL, value and NUL. */
static size_t aligned(size_t size)
{
    const size_t to = _Alignof(struct enoki_version);

    return (size + to - 1) / to * to;
}

int en_items_plan_add(struct en_items_plan *plan, size_t id_len, size_t version_len,
                      size_t value_len)
{
    size_t bytes = sizeof(struct entry) + sizeof(struct enoki_version) + version_len + id_len + 1;

    if (!en_add_size(bytes, value_len, &bytes) || bytes > EN_ITEMS_MAX_BYTES)
        return ENOKI_ELIMIT;
    bytes = aligned(bytes + 1);
    if (bytes > EN_ITEMS_MAX_BYTES - plan->bytes)
        return ENOKI_ELIMIT;
    plan->bytes += bytes;
    plan->count++;
    return 0;
}

int en_items_new(struct enoki_items **out, const struct en_items_plan *plan)
{
    struct enoki_items *items = malloc(sizeof(*items) + plan->bytes);

    if (items == NULL)
        return ENOKI_ENOMEM;
    items->count = 0;
    items->is_stale = false;
    items->free = (char *)(items->entries + plan->count);
    *out = items;
    return 0;
}

void en_items_add(struct enoki_items *items, const struct en_items_entry *from)
{
    struct entry *entry = &items->entries[items->count++];
    struct enoki_version *version = (struct enoki_version *)(void *)items->free;
    char *id = (char *)version->bytes + from->version.len;
    char *value = id + from->id_len + 1;

    version->len = (uint32_t)from->version.len;
    memcpy(version->bytes, from->version.bytes, from->version.len);
    memcpy(id, from->id, from->id_len);
    id[from->id_len] = '\0';
    if (from->value_len > 0)
        memcpy(value, from->value, from->value_len);
    value[from->value_len] = '\0';
    *entry = (struct entry){id, value, from->value_len, version};
    items->free += aligned((size_t)(value + from->value_len + 1 - items->free));
}

void en_items_mark_stale(struct enoki_items *items)
{
    items->is_stale = true;
}

int enoki_items_is_stale(const struct enoki_items *items)
{
    return items != NULL && items->is_stale;
}

void enoki_items_free(struct enoki_items *items)
{
    free(items);
}

size_t enoki_items_count(const struct enoki_items *items)
{
    return items == NULL ? 0 : items->count;
}

const char *enoki_items_id(const struct enoki_items *items, size_t index)
{
    return items->entries[index].id;
}

const void *enoki_items_value(const struct enoki_items *items, size_t index, size_t *len_out)
{
    if (len_out != NULL)
        *len_out = items->entries[index].value_len;
    return items->entries[index].value;
}

const struct enoki_version *enoki_items_version(const struct enoki_items *items, size_t index)
{
    return items->entries[index].version;
}
