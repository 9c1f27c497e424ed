/*
 * table.h - what was seen, by id, in memory: a hash table in parts, each with a lock of its own.
 *
 * An entry is replaced as a whole when it changes. Entries that nobody touched for long are
 * dropped, a few with each change.
 *
 * Memory   Entries are lent between lock and unlock.
 * Threads  any thread; everything else than lock needs the lock of the id's part.    Fork  after.
 */
#ifndef EN_SESSION_TABLE_H
#define EN_SESSION_TABLE_H

#include "wire/version.h"

struct en_table;
struct en_table_part;

struct en_table_entry {
    struct en_table_entry *next;
    uint64_t hash;
    uint64_t touched_ms;
    uint32_t count;     /* versions */
    uint32_t bytes_len; /* of them together */
    bool is_removed;    /* all of them are removals */
    bool is_confirmed;  /* see en_session_confirm() */
    uint8_t id_len;
    char id[]; /* and a NUL; the versions follow, one behind the other */
};

static inline const unsigned char *en_table_versions(const struct en_table_entry *entry)
{
    return (const unsigned char *)entry->id + entry->id_len + 1;
}

struct en_table_numbers {
    uint64_t items;
    uint64_t bytes;
    uint64_t evicted;
};

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_table_new(struct en_table **out, uint64_t max_age_ms);
void en_table_free(struct en_table *table);

/* Locks the part of an id; *hash_out goes to the others. */
struct en_table_part *en_table_lock(struct en_table *table, const char *id, uint64_t *hash_out);
void en_table_unlock(struct en_table_part *part);

/* NULL if nothing was seen of it. */
struct en_table_entry *en_table_find(struct en_table_part *part, const char *id, uint64_t hash);

/* What an entry is made of. */
struct en_table_content {
    const char *id;
    const void *versions; /* one behind the other */
    size_t versions_len;
    uint32_t count;
    bool is_removed;
    bool is_confirmed;
};

/* Puts a new entry in the place of the old one, if any. ENOKI_ENOMEM: nothing has changed. */
ENOKI_MUST_CHECK int en_table_put(struct en_table *table, struct en_table_part *part,
                                  const struct en_table_content *content, uint64_t hash,
                                  uint64_t now_ms);

/* Calls visit with every entry, its part locked; stops at the first status other than 0. */
ENOKI_MUST_CHECK int en_table_walk(struct en_table *table,
                                   int (*visit)(void *context, const struct en_table_entry *entry),
                                   void *context);
void en_table_clear(struct en_table *table);

struct en_table_numbers en_table_numbers(struct en_table *table);

#endif
