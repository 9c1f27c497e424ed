#include "state/store/lookup.h"

#include "state/items.h"
#include "state/store/apply.h"

/* Every id begins with a digit or a letter; what the store keeps for itself begins with NUL. */
#define FIRST_KEY "0"

/* Plans, or adds if items is there, the siblings of one record that are not removed; the number of
 * them, or a negative code. */
static int visit(const MDB_val *key, const MDB_val *bytes, bool with_values,
                 struct en_items_plan *plan, struct enoki_items *items)
{
    struct en_items_entry entry = {.id = key->mv_data, .id_len = key->mv_size - 1};
    struct en_sibling sibling;
    struct en_record record;
    int live = 0;
    int more;
    int rc;

    if (key->mv_size < 2 || key->mv_size > ENOKI_NAME_MAX + 1)
        return ENOKI_EFORMAT;
    rc = en_record_open(&record, bytes->mv_data, bytes->mv_size);
    if (rc != 0)
        return rc;
    while ((more = en_record_next(&record, &sibling)) == 1) {
        if (sibling.value == NULL)
            continue;
        entry.version = sibling.version;
        entry.value = sibling.value;
        entry.value_len = with_values ? sibling.value_len : 0;
        if (items != NULL)
            en_items_add(items, &entry);
        else
            rc = en_items_plan_add(plan, entry.id_len, entry.version.len, entry.value_len);
        if (rc != 0)
            return rc;
        live++;
    }
    return more < 0 ? more : live;
}

static int read_record(const MDB_val *key, const MDB_val *bytes, struct enoki_items **out)
{
    struct en_items_plan plan = {0};
    struct enoki_items *items;
    int live = visit(key, bytes, true, &plan, NULL);
    int rc;

    if (live <= 0)
        return live == 0 ? ENOKI_ENOTFOUND : live;
    rc = en_items_new(&items, &plan);
    if (rc != 0)
        return rc;
    (void)visit(key, bytes, true, NULL, items);
    *out = items;
    return 0;
}

int en_lookup_read(struct en_env *env, const char *id, struct enoki_items **out)
{
    struct en_reader *reader;
    struct en_item_key key;
    MDB_val name, bytes;
    int rc;

    en_item_key_make(&key, id);
    name = (MDB_val){key.len, key.bytes};
    rc = en_env_read_begin(env, &reader);
    if (rc != 0)
        return rc;
    rc = mdb_get(en_reader_txn(reader), en_env_dbi(env), &name, &bytes);
    if (rc == 0)
        rc = read_record(&name, &bytes, out);
    else if (rc == MDB_NOTFOUND)
        rc = ENOKI_ENOTFOUND;
    en_env_read_end(reader);
    return rc;
}

static int seek(MDB_cursor *cursor, const char *start, MDB_val *key, MDB_val *bytes)
{
    struct en_item_key first;

    if (start == NULL) {
        *key = (MDB_val){sizeof(FIRST_KEY) - 1, (void *)(uintptr_t)FIRST_KEY};
        return mdb_cursor_get(cursor, key, bytes, MDB_SET_RANGE);
    }
    en_item_key_make(&first, start);
    *key = (MDB_val){first.len, first.bytes};
    return mdb_cursor_get(cursor, key, bytes, MDB_SET_KEY);
}

/* One pass from start on: plans, or adds if items is there. */
static int pass(MDB_cursor *cursor, const char *start, uint64_t count, bool with_values,
                struct en_items_plan *plan, struct enoki_items *items)
{
    MDB_val key, bytes;
    int rc = seek(cursor, start, &key, &bytes);

    if (rc == MDB_NOTFOUND)
        return start == NULL ? 0 : ENOKI_ENOTFOUND;
    while (rc == 0) {
        int live = visit(&key, &bytes, with_values, plan, items);

        if (live < 0)
            return live;
        count -= live > 0 ? 1 : 0;
        if (count == 0)
            return 0;
        rc = mdb_cursor_get(cursor, &key, &bytes, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int en_lookup_scan(struct en_env *env, const char *start, uint64_t count, bool with_values,
                   struct enoki_items **out)
{
    struct en_items_plan plan = {0};
    struct enoki_items *items = NULL;
    struct en_reader *reader;
    MDB_cursor *cursor;
    int rc = en_env_read_begin(env, &reader);

    if (rc != 0)
        return rc;
    rc = mdb_cursor_open(en_reader_txn(reader), en_env_dbi(env), &cursor);
    if (rc != 0) {
        en_env_read_end(reader);
        return rc;
    }
    rc = pass(cursor, start, count, with_values, &plan, NULL);
    if (rc == 0)
        rc = en_items_new(&items, &plan);
    if (rc == 0)
        rc = pass(cursor, start, count, with_values, NULL, items);
    mdb_cursor_close(cursor);
    en_env_read_end(reader);
    if (rc == 0)
        *out = items;
    else
        enoki_items_free(items);
    return rc;
}
