#include "state/session/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 64u
#define FIRST_BUCKETS 16u
/* Buckets that a change looks through for entries that are too old. */
#define SWEPT_BUCKETS 2u

struct en_table_part {
    pthread_mutex_t lock;
    struct en_table_entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t entry_count;
    size_t bytes;
    size_t sweep;
    uint64_t evicted;
};

struct en_table {
    uint64_t max_age_ms;
    struct en_table_part parts[PARTS];
};

static uint64_t hash_of(const char *id)
{
    uint64_t hash = 14695981039346656037u;

    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * 1099511628211u;
    return hash ^ hash >> 29;
}

static size_t entry_bytes(const struct en_table_entry *entry)
{
    return sizeof(*entry) + entry->id_len + 1u + entry->bytes_len;
}

int en_table_new(struct en_table **out, uint64_t max_age_ms)
{
    struct en_table *table = calloc(1, sizeof(*table));

    if (table == NULL)
        return ENOKI_ENOMEM;
    table->max_age_ms = max_age_ms;
    for (size_t i = 0; i < PARTS; i++) {
        (void)pthread_mutex_init(&table->parts[i].lock, NULL);
        table->parts[i].bucket_count = FIRST_BUCKETS;
        table->parts[i].buckets = calloc(FIRST_BUCKETS, sizeof(struct en_table_entry *));
        if (table->parts[i].buckets == NULL) {
            en_table_free(table);
            return ENOKI_ENOMEM;
        }
    }
    *out = table;
    return 0;
}

static void clear_part(struct en_table_part *part)
{
    for (size_t i = 0; part->buckets != NULL && i < part->bucket_count; i++) {
        while (part->buckets[i] != NULL) {
            struct en_table_entry *entry = part->buckets[i];

            part->buckets[i] = entry->next;
            free(entry);
        }
    }
    part->entry_count = 0;
    part->bytes = 0;
}

void en_table_free(struct en_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        clear_part(&table->parts[i]);
        free(table->parts[i].buckets);
        (void)pthread_mutex_destroy(&table->parts[i].lock);
    }
    free(table);
}

struct en_table_part *en_table_lock(struct en_table *table, const char *id, uint64_t *hash_out)
{
    struct en_table_part *part;

    *hash_out = hash_of(id);
    part = &table->parts[*hash_out % PARTS];
    (void)pthread_mutex_lock(&part->lock);
    return part;
}

void en_table_unlock(struct en_table_part *part)
{
    (void)pthread_mutex_unlock(&part->lock);
}

static struct en_table_entry **place_of(const struct en_table_part *part, uint64_t hash)
{
    return &part->buckets[hash / PARTS & (part->bucket_count - 1)];
}

struct en_table_entry *en_table_find(struct en_table_part *part, const char *id, uint64_t hash)
{
    struct en_table_entry *entry = *place_of(part, hash);

    while (entry != NULL && (entry->hash != hash || strcmp(entry->id, id) != 0))
        entry = entry->next;
    return entry;
}

/* Without memory it stays as it is, and gets slower only. */
static void grow(struct en_table_part *part)
{
    size_t count = part->bucket_count * 2;
    struct en_table_entry **old = part->buckets;
    struct en_table_entry **grown = calloc(count, sizeof(struct en_table_entry *));
    size_t old_count = part->bucket_count;

    if (grown == NULL)
        return;
    part->buckets = grown;
    part->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct en_table_entry *entry = old[i];
            struct en_table_entry **place = place_of(part, entry->hash);

            old[i] = entry->next;
            entry->next = *place;
            *place = entry;
        }
    }
    free(old);
}

static void drop(struct en_table_part *part, struct en_table_entry **at)
{
    struct en_table_entry *entry = *at;

    *at = entry->next;
    part->entry_count--;
    part->bytes -= entry_bytes(entry);
    free(entry);
}

static void sweep(const struct en_table *table, struct en_table_part *part, uint64_t now_ms)
{
    for (size_t i = 0; i < SWEPT_BUCKETS; i++) {
        struct en_table_entry **at = &part->buckets[part->sweep++ & (part->bucket_count - 1)];

        while (*at != NULL) {
            if (now_ms - (*at)->touched_ms > table->max_age_ms && now_ms > (*at)->touched_ms) {
                drop(part, at);
                part->evicted++;
            } else {
                at = &(*at)->next;
            }
        }
    }
}

int en_table_put(struct en_table *table, struct en_table_part *part,
                 const struct en_table_content *content, uint64_t hash, uint64_t now_ms)
{
    size_t id_len = strlen(content->id);
    struct en_table_entry *entry;
    struct en_table_entry **at;

    entry = malloc(sizeof(*entry) + id_len + 1 + content->versions_len);
    if (entry == NULL)
        return ENOKI_ENOMEM;
    entry->hash = hash;
    entry->touched_ms = now_ms;
    entry->count = content->count;
    entry->bytes_len = (uint32_t)content->versions_len;
    entry->is_removed = content->is_removed;
    entry->is_confirmed = content->is_confirmed;
    entry->id_len = (uint8_t)id_len;
    memcpy(entry->id, content->id, id_len + 1);
    if (content->versions_len > 0)
        memcpy(entry->id + id_len + 1, content->versions, content->versions_len);

    at = place_of(part, hash);
    while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->id, content->id) != 0))
        at = &(*at)->next;
    if (*at != NULL)
        drop(part, at);
    entry->next = *at;
    *at = entry;
    part->entry_count++;
    part->bytes += entry_bytes(entry);
    sweep(table, part, now_ms);
    if (part->entry_count > part->bucket_count)
        grow(part);
    return 0;
}

int en_table_walk(struct en_table *table,
                  int (*visit)(void *context, const struct en_table_entry *entry), void *context)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < PARTS; i++) {
        struct en_table_part *part = &table->parts[i];

        (void)pthread_mutex_lock(&part->lock);
        for (size_t b = 0; rc == 0 && b < part->bucket_count; b++)
            for (const struct en_table_entry *entry = part->buckets[b]; rc == 0 && entry != NULL;
                 entry = entry->next)
                rc = visit(context, entry);
        (void)pthread_mutex_unlock(&part->lock);
    }
    return rc;
}

void en_table_clear(struct en_table *table)
{
    for (size_t i = 0; i < PARTS; i++) {
        (void)pthread_mutex_lock(&table->parts[i].lock);
        clear_part(&table->parts[i]);
        (void)pthread_mutex_unlock(&table->parts[i].lock);
    }
}

struct en_table_numbers en_table_numbers(struct en_table *table)
{
    struct en_table_numbers numbers = {0, sizeof(*table), 0};

    for (size_t i = 0; i < PARTS; i++) {
        struct en_table_part *part = &table->parts[i];

        (void)pthread_mutex_lock(&part->lock);
        numbers.items += part->entry_count;
        numbers.bytes += part->bytes + part->bucket_count * sizeof(struct en_table_entry *);
        numbers.evicted += part->evicted;
        (void)pthread_mutex_unlock(&part->lock);
    }
    return numbers;
}
