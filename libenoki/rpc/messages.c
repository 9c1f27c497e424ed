#include "rpc/messages.h"

#include "rpc/arena.h"

#include <fred/client.pb-c.h>
#include <stdlib.h>
#include <string.h>

/* --- requests --------------------------------------------------------------------------------- */

/* The generated structs hold pointers to bytes that encoding only reads. */
static ProtobufCBinaryData bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static ProtobufCBinaryData text(const char *given)
{
    return bytes(given, strlen(given));
}

static int encode(struct en_buffer *out, const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    int rc;

    if (len > EN_RPC_REQUEST_MAX_BYTES)
        return ENOKI_ELIMIT;
    rc = en_buffer_reserve(out, len);
    if (rc != 0)
        return rc;
    out->len += protobuf_c_message_pack(message, (uint8_t *)out->data + out->len);
    out->data[out->len] = '\0';
    return 0;
}

int en_rpc_encode_create_keygroup(struct en_buffer *out, const char *keygroup, bool is_mutable,
                                  int64_t expiry_s)
{
    Mcc__Fred__Client__CreateKeygroupRequest request =
        MCC__FRED__CLIENT__CREATE_KEYGROUP_REQUEST__INIT;

    request.has_keygroup = *keygroup != '\0';
    request.keygroup = text(keygroup);
    request.has_mutable_ = is_mutable;
    request.mutable_ = is_mutable;
    request.has_expiry = expiry_s != 0;
    request.expiry = expiry_s;
    return encode(out, &request.base);
}

int en_rpc_encode_keygroup(struct en_buffer *out, const char *keygroup)
{
    Mcc__Fred__Client__DeleteKeygroupRequest request =
        MCC__FRED__CLIENT__DELETE_KEYGROUP_REQUEST__INIT;

    request.has_keygroup = *keygroup != '\0';
    request.keygroup = text(keygroup);
    return encode(out, &request.base);
}

int en_rpc_encode_read(struct en_buffer *out, const char *keygroup, const char *id)
{
    Mcc__Fred__Client__ReadRequest request = MCC__FRED__CLIENT__READ_REQUEST__INIT;

    request.has_keygroup = *keygroup != '\0';
    request.keygroup = text(keygroup);
    request.has_id = *id != '\0';
    request.id = text(id);
    return encode(out, &request.base);
}

int en_rpc_encode_scan(struct en_buffer *out, const char *keygroup, const char *start,
                       uint64_t count)
{
    Mcc__Fred__Client__ScanRequest request = MCC__FRED__CLIENT__SCAN_REQUEST__INIT;

    request.has_keygroup = *keygroup != '\0';
    request.keygroup = text(keygroup);
    request.has_id = *start != '\0';
    request.id = text(start);
    request.has_count = count != 0;
    request.count = count;
    return encode(out, &request.base);
}

int en_rpc_encode_append(struct en_buffer *out, const char *keygroup, uint64_t id,
                         const void *value, size_t value_len)
{
    Mcc__Fred__Client__AppendRequest request = MCC__FRED__CLIENT__APPEND_REQUEST__INIT;

    request.has_keygroup = *keygroup != '\0';
    request.keygroup = text(keygroup);
    request.has_id = id != 0;
    request.id = id;
    request.has_data = value_len > 0;
    request.data = bytes(value, value_len);
    return encode(out, &request.base);
}

int en_rpc_encode_replica(struct en_buffer *out, const char *keygroup, const char *node,
                          int64_t expiry_s)
{
    Mcc__Fred__Client__AddReplicaRequest request = MCC__FRED__CLIENT__ADD_REPLICA_REQUEST__INIT;

    request.has_keygroup = *keygroup != '\0';
    request.keygroup = text(keygroup);
    request.has_nodeid = *node != '\0';
    request.nodeid = text(node);
    request.has_expiry = expiry_s != 0;
    request.expiry = expiry_s;
    return encode(out, &request.base);
}

int en_rpc_encode_user(struct en_buffer *out, const char *user, const char *keygroup,
                       enum en_fred_role role)
{
    Mcc__Fred__Client__AddUserRequest request = MCC__FRED__CLIENT__ADD_USER_REQUEST__INIT;

    request.has_user = *user != '\0';
    request.user = text(user);
    request.has_keygroup = *keygroup != '\0';
    request.keygroup = text(keygroup);
    request.has_role = role != 0;
    request.role = (int32_t)role;
    return encode(out, &request.base);
}

/* The versions of a write as the generated structs, in one block. */
struct clocks {
    Mcc__Fred__Client__Version **versions;
    void *memory;
};

static size_t count_entries(const struct en_fred_write *write)
{
    size_t entries = 0;

    for (size_t i = 0; i < write->version_count; i++)
        entries += en_version_view_count(write->versions[i]);
    return entries;
}

/* The bounds of wire/version.h keep the sums far from overflowing. */
static int make_clocks(struct clocks *out, const struct en_fred_write *write)
{
    size_t entries = count_entries(write);
    Mcc__Fred__Client__Version *version;
    Mcc__Fred__Client__Counter *counter, **pointer;
    struct en_version_entry *entry;
    size_t next = 0;

    *out = (struct clocks){NULL, NULL};
    if (write->version_count == 0)
        return 0;
    out->memory = malloc(write->version_count * (sizeof(*version) + sizeof(version)) +
                         entries * (sizeof(*counter) + sizeof(counter) + sizeof(*entry)));
    if (out->memory == NULL)
        return ENOKI_ENOMEM;
    version = out->memory;
    counter = (Mcc__Fred__Client__Counter *)(version + write->version_count);
    entry = (struct en_version_entry *)(void *)(counter + entries);
    out->versions = (Mcc__Fred__Client__Version **)(void *)(entry + entries);
    pointer = (Mcc__Fred__Client__Counter **)(out->versions + write->version_count);
    for (size_t i = 0; i < write->version_count; i++) {
        size_t count = en_version_view_count(write->versions[i]);

        en_version_entries(write->versions[i], entry + next, count);
        mcc__fred__client__version__init(&version[i]);
        version[i].n_version = count;
        version[i].version = pointer + next;
        out->versions[i] = &version[i];
        for (size_t end = next + count; next < end; next++) {
            mcc__fred__client__counter__init(&counter[next]);
            counter[next].key = (char *)(uintptr_t)entry[next].node;
            counter[next].has_value = 1;
            counter[next].value = entry[next].counter;
            pointer[next] = &counter[next];
        }
    }
    return 0;
}

static int encode_update(struct en_buffer *out, const struct en_fred_write *write,
                         const struct clocks *clocks)
{
    Mcc__Fred__Client__UpdateRequest request = MCC__FRED__CLIENT__UPDATE_REQUEST__INIT;

    request.has_keygroup = *write->keygroup != '\0';
    request.keygroup = text(write->keygroup);
    request.has_id = *write->id != '\0';
    request.id = text(write->id);
    request.has_data = write->value_len > 0;
    request.data = bytes(write->value, write->value_len);
    request.n_versions = write->version_count;
    request.versions = clocks->versions;
    return encode(out, &request.base);
}

static int encode_delete(struct en_buffer *out, const struct en_fred_write *write,
                         const struct clocks *clocks)
{
    Mcc__Fred__Client__DeleteRequest request = MCC__FRED__CLIENT__DELETE_REQUEST__INIT;

    request.has_keygroup = *write->keygroup != '\0';
    request.keygroup = text(write->keygroup);
    request.has_id = *write->id != '\0';
    request.id = text(write->id);
    request.n_versions = write->version_count;
    request.versions = clocks->versions;
    return encode(out, &request.base);
}

int en_rpc_encode_write(struct en_buffer *out, const struct en_fred_write *write)
{
    struct clocks clocks;
    int rc = make_clocks(&clocks, write);

    if (rc == 0)
        rc = write->value == NULL ? encode_delete(out, write, &clocks)
                                  : encode_update(out, write, &clocks);
    free(clocks.memory);
    return rc;
}

/* --- answers ---------------------------------------------------------------------------------- */

static int add_version(const Mcc__Fred__Client__Version *version, struct en_buffer *out)
{
    struct en_version_entry few[16];
    struct en_version_entry *entries = few;
    size_t count = version == NULL ? 0 : version->n_version;
    int rc;

    if (count > EN_VERSION_NODES_MAX)
        return ENOKI_EPROTO;
    if (count > sizeof(few) / sizeof(few[0])) {
        entries = calloc(count, sizeof(*entries));
        if (entries == NULL)
            return ENOKI_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const Mcc__Fred__Client__Counter *counter = version->version[i];

        entries[i].node = counter->key == NULL ? "" : counter->key;
        entries[i].counter = counter->has_value ? counter->value : 0;
    }
    rc = en_version_build(entries, count, out);
    if (entries != few)
        free(entries);
    return rc == 0 || rc == ENOKI_ENOMEM ? rc : ENOKI_EPROTO;
}

/* What stands behind a list: the unpacked message, which the texts point into, and the clocks. */
struct memory {
    struct en_rpc_arena arena;
    ProtobufCMessage *message;
    struct en_buffer clocks;
};

static void release(struct memory *memory)
{
    if (memory == NULL)
        return;
    en_rpc_arena_fini(&memory->arena);
    en_buffer_fini(&memory->clocks);
    free(memory);
}

static int why_no_memory(const struct en_rpc_arena *arena)
{
    return arena->is_out_of_memory ? ENOKI_ENOMEM : ENOKI_EPROTO;
}

static int unpack(struct memory **out, const ProtobufCMessageDescriptor *type, const void *data,
                  size_t len)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    int rc;

    if (memory == NULL)
        return ENOKI_ENOMEM;
    memory->clocks.max = SIZE_MAX / 2;
    en_rpc_arena_init(&memory->arena, len);
    memory->message = protobuf_c_message_unpack(type, &memory->arena.allocator, len, data);
    if (memory->message == NULL) {
        rc = why_no_memory(&memory->arena);
        release(memory);
        return rc;
    }
    *out = memory;
    return 0;
}

/* Room for a list's entries, which the message bounds. */
static int take_list(struct memory *memory, void **out, size_t count, size_t size)
{
    *out = en_rpc_arena_take(&memory->arena, count * size);
    if (*out == NULL)
        return why_no_memory(&memory->arena);
    memset(*out, 0, count * size);
    return 0;
}

static const char *or_empty(const char *given)
{
    return given == NULL ? "" : given;
}

/* The clocks' buffer may have moved while it grew: their places are settled at the end. */
static void settle_clocks(struct en_fred_items *out, const struct memory *memory)
{
    const unsigned char *at = (const unsigned char *)memory->clocks.data;

    for (size_t i = 0; i < out->count; i++) {
        out->items[i].version.bytes = at;
        at += out->items[i].version.len;
    }
}

static int add_clock(struct en_fred_item *item, const Mcc__Fred__Client__Version *version,
                     struct memory *memory)
{
    size_t before = memory->clocks.len;
    int rc = add_version(version, &memory->clocks);

    item->version.len = memory->clocks.len - before;
    return rc;
}

static int room_for_items(struct en_fred_items *out, struct memory *memory, size_t count)
{
    void *items;
    int rc = take_list(memory, &items, count, sizeof(*out->items));

    if (rc == 0)
        *out = (struct en_fred_items){items, count, memory};
    return rc;
}

int en_rpc_decode_items(const void *data, size_t len, struct en_fred_items *out)
{
    const Mcc__Fred__Client__ScanResponse *response;
    struct memory *memory = NULL;
    /* ReadResponse is the same. */
    int rc = unpack(&memory, &mcc__fred__client__scan_response__descriptor, data, len);

    if (rc != 0)
        return rc;
    response = (const Mcc__Fred__Client__ScanResponse *)(const void *)memory->message;
    rc = room_for_items(out, memory, response->n_data);
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        const Mcc__Fred__Client__Item *item = response->data[i];

        out->items[i].id = or_empty(item->id);
        out->items[i].value = item->has_val ? (const char *)item->val.data : NULL;
        out->items[i].value_len = item->has_val ? item->val.len : 0;
        if (out->items[i].value == NULL)
            out->items[i].value = "";
        rc = add_clock(&out->items[i], item->version, memory);
    }
    if (rc == 0) {
        settle_clocks(out, memory);
        return 0;
    }
    release(memory);
    *out = (struct en_fred_items){NULL, 0, NULL};
    return rc;
}

int en_rpc_decode_keys(const void *data, size_t len, struct en_fred_items *out)
{
    const Mcc__Fred__Client__KeysResponse *response;
    struct memory *memory = NULL;
    int rc = unpack(&memory, &mcc__fred__client__keys_response__descriptor, data, len);

    if (rc != 0)
        return rc;
    response = (const Mcc__Fred__Client__KeysResponse *)(const void *)memory->message;
    rc = room_for_items(out, memory, response->n_keys);
    for (size_t i = 0; rc == 0 && i < out->count; i++) {
        out->items[i].id = or_empty(response->keys[i]->id);
        out->items[i].value = "";
        rc = add_clock(&out->items[i], response->keys[i]->version, memory);
    }
    if (rc == 0) {
        settle_clocks(out, memory);
        return 0;
    }
    release(memory);
    *out = (struct en_fred_items){NULL, 0, NULL};
    return rc;
}

int en_rpc_decode_version(const void *data, size_t len, struct en_buffer *out)
{
    struct en_rpc_arena arena;
    const Mcc__Fred__Client__UpdateResponse *response;
    int rc;

    en_rpc_arena_init(&arena, len);
    /* DeleteResponse is the same. */
    response = mcc__fred__client__update_response__unpack(&arena.allocator, len, data);
    rc = response != NULL ? add_version(response->version, out) : why_no_memory(&arena);
    en_rpc_arena_fini(&arena);
    return rc;
}

static int room_for_replicas(struct en_fred_replicas *out, struct memory *memory, size_t count)
{
    void *replicas;
    int rc = take_list(memory, &replicas, count, sizeof(*out->replicas));

    if (rc != 0) {
        release(memory);
        return rc;
    }
    *out = (struct en_fred_replicas){replicas, count, false, memory};
    return 0;
}

int en_rpc_decode_keygroup_info(const void *data, size_t len, struct en_fred_replicas *out)
{
    const Mcc__Fred__Client__GetKeygroupInfoResponse *response;
    struct memory *memory = NULL;
    int rc = unpack(&memory, &mcc__fred__client__get_keygroup_info_response__descriptor, data, len);

    if (rc != 0)
        return rc;
    response = (const Mcc__Fred__Client__GetKeygroupInfoResponse *)(const void *)memory->message;
    rc = room_for_replicas(out, memory, response->n_replica);
    if (rc != 0)
        return rc;
    out->is_mutable = response->has_mutable_ && response->mutable_;
    for (size_t i = 0; i < out->count; i++) {
        const Mcc__Fred__Client__KeygroupReplica *replica = response->replica[i];

        out->replicas[i].node = or_empty(replica->nodeid);
        out->replicas[i].host = or_empty(replica->host);
        out->replicas[i].expiry_s = replica->has_expiry ? replica->expiry : 0;
    }
    return 0;
}

int en_rpc_decode_nodes(const void *data, size_t len, struct en_fred_replicas *out)
{
    const Mcc__Fred__Client__GetAllReplicaResponse *response;
    struct memory *memory = NULL;
    int rc = unpack(&memory, &mcc__fred__client__get_all_replica_response__descriptor, data, len);

    if (rc != 0)
        return rc;
    response = (const Mcc__Fred__Client__GetAllReplicaResponse *)(const void *)memory->message;
    rc = room_for_replicas(out, memory, response->n_replicas);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < out->count; i++) {
        out->replicas[i].node = or_empty(response->replicas[i]->nodeid);
        out->replicas[i].host = or_empty(response->replicas[i]->host);
    }
    return 0;
}

void en_fred_items_free(struct en_fred_items *items)
{
    release(items->memory);
    *items = (struct en_fred_items){NULL, 0, NULL};
}

void en_fred_replicas_free(struct en_fred_replicas *replicas)
{
    release(replicas->memory);
    *replicas = (struct en_fred_replicas){NULL, 0, false, NULL};
}
