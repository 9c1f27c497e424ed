#include "state/store/apply.h"

#include "base/checked.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is stored under one id; borrowed from the transaction until its next write. */
struct current {
    size_t count;
    struct en_sibling siblings[EN_RECORD_SIBLINGS_MAX];
};

void en_item_key_make(struct en_item_key *key, const char *id)
{
    size_t len = strlen(id);

    assert(len <= ENOKI_NAME_MAX);
    memcpy(key->bytes, id, len);
    key->bytes[len] = '|';
    key->len = len + 1;
}

static int load(struct en_env_write *write, const struct en_item_key *key, struct current *current,
                int *status_out)
{
    MDB_val name = {key->len, (void *)(uintptr_t)key->bytes};
    struct en_record record;
    MDB_val bytes;
    int rc = mdb_get(write->txn, write->dbi, &name, &bytes);

    current->count = 0;
    *status_out = 0;
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return rc;
    rc = en_record_open(&record, bytes.mv_data, bytes.mv_size);
    for (int more = rc == 0 ? 1 : 0; more == 1;) {
        more = en_record_next(&record, &current->siblings[current->count]);
        if (more < 0)
            rc = more;
        current->count += more == 1 ? 1 : 0;
    }
    *status_out = rc;
    return 0;
}

/* Writes a record that borrows nothing from the transaction. */
static int store(struct en_env_write *write, const struct en_item_key *key,
                 const struct en_sibling *sibling)
{
    MDB_val name = {key->len, (void *)(uintptr_t)key->bytes};
    MDB_val bytes = {0, NULL};
    int rc = en_record_size(sibling, 1, &bytes.mv_size);

    if (rc != 0)
        return rc;
    rc = mdb_put(write->txn, write->dbi, &name, &bytes, MDB_RESERVE);
    if (rc != 0)
        return rc;
    en_record_write(bytes.mv_data, sibling, 1);
    write->changed = true;
    return 0;
}

static bool is_among_live(const struct current *current, struct en_version_view version)
{
    for (size_t i = 0; i < current->count; i++)
        if (current->siblings[i].value != NULL &&
            en_version_order(current->siblings[i].version, version) == ENOKI_ORDER_EQUAL)
            return true;
    return false;
}

static bool is_as_expected(const struct current *current, const struct en_op *op)
{
    for (size_t i = 0; i < op->version_count; i++)
        if (!is_among_live(current, op->versions[i]))
            return false;
    for (size_t i = 0; i < current->count; i++) {
        bool found = current->siblings[i].value == NULL;

        for (size_t j = 0; !found && j < op->version_count; j++)
            found = en_version_order(current->siblings[i].version, op->versions[j]) ==
                    ENOKI_ORDER_EQUAL;
        if (!found)
            return false;
    }
    return true;
}

static int supersede(const struct current *current, const char *node, struct en_buffer *out)
{
    struct en_version_view seen[EN_RECORD_SIBLINGS_MAX];

    for (size_t i = 0; i < current->count; i++)
        seen[i] = current->siblings[i].version;
    return en_version_supersede(seen, current->count, node, out);
}

static int apply_write(struct en_env_write *write, const struct en_op *op, int *status_out)
{
    struct en_buffer version = EN_BUFFER_INIT(2 * EN_VERSION_MAX_BYTES);
    struct en_sibling sibling;
    struct current current;
    struct en_item_key key;
    int rc;

    en_item_key_make(&key, op->id);
    rc = load(write, &key, &current, status_out);
    if (rc != 0 || *status_out != 0)
        return rc;
    if (op->value == NULL && current.count == 0)
        *status_out = ENOKI_ENOTFOUND;
    else if (op->expects && !is_as_expected(&current, op))
        *status_out = ENOKI_ECONFLICT;
    else
        *status_out = supersede(&current, op->node, &version);
    if (*status_out == 0) {
        sibling.version = (struct en_version_view){(unsigned char *)version.data, version.len};
        sibling.value = op->value;
        sibling.value_len = op->value_len;
        rc = store(write, &key, &sibling);
    }
    en_buffer_fini(&version);
    return rc;
}

static int apply_append(struct en_env_write *write, const struct en_op *op,
                        struct en_op_result *result)
{
    const struct en_sibling sibling = {en_version_empty(), op->value, op->value_len};
    struct en_item_key key;
    MDB_val name, bytes;
    uint64_t number;
    int rc;

    if (!en_parse_u64(op->id, strlen(op->id), UINT64_MAX, &number)) {
        result->status = ENOKI_EINVAL;
        return 0;
    }
    for (;; number++) {
        (void)snprintf(result->id, sizeof(result->id), "%" PRIu64, number);
        en_item_key_make(&key, result->id);
        name = (MDB_val){key.len, key.bytes};
        rc = mdb_get(write->txn, write->dbi, &name, &bytes);
        if (rc != 0)
            break;
    }
    return rc == MDB_NOTFOUND ? store(write, &key, &sibling) : rc;
}

/* Keeps in current what is concurrent to the version; false if something covers it. */
static bool prune(struct current *current, struct en_version_view version)
{
    size_t kept = 0;

    for (size_t i = 0; i < current->count; i++) {
        enum enoki_order order = en_version_order(current->siblings[i].version, version);

        if (order == ENOKI_ORDER_EQUAL || order == ENOKI_ORDER_AFTER)
            return false;
        if (order == ENOKI_ORDER_CONCURRENT)
            current->siblings[kept++] = current->siblings[i];
    }
    current->count = kept;
    return true;
}

static int store_all(struct en_env_write *write, const struct en_item_key *key,
                     const struct current *current, int *status_out)
{
    MDB_val name = {key->len, (void *)(uintptr_t)key->bytes};
    MDB_val bytes = {0, NULL};
    int rc;

    *status_out = en_record_size(current->siblings, current->count, &bytes.mv_size);
    if (*status_out != 0)
        return 0;
    /* Not MDB_RESERVE: the siblings are read from pages that the write may change. */
    bytes.mv_data = malloc(bytes.mv_size);
    if (bytes.mv_data == NULL) {
        *status_out = ENOKI_ENOMEM;
        return 0;
    }
    en_record_write(bytes.mv_data, current->siblings, current->count);
    rc = mdb_put(write->txn, write->dbi, &name, &bytes, 0);
    write->changed = write->changed || rc == 0;
    free(bytes.mv_data);
    return rc;
}

static int apply_import(struct en_env_write *write, const struct en_op *op, int *status_out)
{
    const struct en_sibling incoming = {op->versions[0], op->value, op->value_len};
    struct current current;
    struct en_item_key key;
    int rc;

    en_item_key_make(&key, op->id);
    rc = load(write, &key, &current, status_out);
    if (rc != 0 || *status_out != 0 || !prune(&current, incoming.version))
        return rc;
    if (current.count == EN_RECORD_SIBLINGS_MAX) {
        *status_out = ENOKI_ELIMIT;
        return 0;
    }
    current.siblings[current.count++] = incoming;
    return store_all(write, &key, &current, status_out);
}

int en_op_apply(struct en_env_write *write, const struct en_op *op, struct en_op_result *result)
{
    result->status = 0;
    switch (op->kind) {
    case EN_OP_WRITE:
        return apply_write(write, op, &result->status);
    case EN_OP_APPEND:
        return apply_append(write, op, result);
    case EN_OP_IMPORT:
        if (op->version_count == 1)
            return apply_import(write, op, &result->status);
        break;
    }
    result->status = ENOKI_EINVAL;
    return 0;
}
