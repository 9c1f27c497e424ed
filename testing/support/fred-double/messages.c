#include "messages.h"

#include "base/utf8.h"

#include <fred/client.pb-c.h>
#include <stdlib.h>
#include <string.h>

/* --- requests ----------------------------------------------------------------------------------
 */

static const struct {
    const char *method;
    const ProtobufCMessageDescriptor *type;
} types[] = {
    {"CreateKeygroup", &mcc__fred__client__create_keygroup_request__descriptor},
    {"DeleteKeygroup", &mcc__fred__client__delete_keygroup_request__descriptor},
    {"Read", &mcc__fred__client__read_request__descriptor},
    {"Scan", &mcc__fred__client__scan_request__descriptor},
    {"Keys", &mcc__fred__client__keys_request__descriptor},
    {"Update", &mcc__fred__client__update_request__descriptor},
    {"Delete", &mcc__fred__client__delete_request__descriptor},
    {"Append", &mcc__fred__client__append_request__descriptor},
    {"AddReplica", &mcc__fred__client__add_replica_request__descriptor},
    {"GetKeygroupInfo", &mcc__fred__client__get_keygroup_info_request__descriptor},
    {"RemoveReplica", &mcc__fred__client__remove_replica_request__descriptor},
    {"GetReplica", &mcc__fred__client__get_replica_request__descriptor},
    {"GetAllReplica", &mcc__fred__client__empty__descriptor},
    {"GetKeygroupTriggers", &mcc__fred__client__get_keygroup_trigger_request__descriptor},
    {"AddTrigger", &mcc__fred__client__add_trigger_request__descriptor},
    {"RemoveTrigger", &mcc__fred__client__remove_trigger_request__descriptor},
    {"AddUser", &mcc__fred__client__add_user_request__descriptor},
    {"RemoveUser", &mcc__fred__client__remove_user_request__descriptor},
};

static bool is_text(const ProtobufCMessage *message);

/* One value of a field. */
static bool value_is_text(const ProtobufCFieldDescriptor *field, const void *value)
{
    const ProtobufCBinaryData *bytes = value;
    const char *text;
    const ProtobufCMessage *inner;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&text, value, sizeof(text));
        return text == NULL || en_utf8_is_valid(text, strlen(text));
    case PROTOBUF_C_TYPE_BYTES:
        return bytes->len == 0 || en_utf8_is_valid((const char *)bytes->data, bytes->len);
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&inner, value, sizeof(inner));
        return inner == NULL || is_text(inner);
    default:
        return true;
    }
}

static bool is_text(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message + field->offset;
        const char *list;
        size_t count;

        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (!value_is_text(field, at))
                return false;
            continue;
        }
        memcpy(&count, (const char *)message + field->quantifier_offset, sizeof(count));
        memcpy(&list, at, sizeof(list));
        for (size_t k = 0; k < count; k++)
            if (!value_is_text(field, list + k * sizeof(void *)))
                return false;
    }
    return true;
}

/* The value of a field by its name, or NULL. */
static const void *field_of(const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);

    return field == NULL ? NULL : (const char *)message + field->offset;
}

static struct text text_of(const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    const ProtobufCBinaryData *bytes = field_of(message, name);

    /* An append's id is a number. */
    if (bytes == NULL || field->type != PROTOBUF_C_TYPE_BYTES || bytes->len == 0)
        return (struct text){"", 0};
    return (struct text){(const char *)bytes->data, bytes->len};
}

static char *copy_of(const ProtobufCMessage *message, const char *name)
{
    struct text text = text_of(message, name);

    return duplicate(text.data, text.len);
}

static void number_of(const ProtobufCMessage *message, const char *name, void *out, size_t size)
{
    const void *at = field_of(message, name);

    if (at != NULL)
        memcpy(out, at, size);
}

static void read_clocks(struct fields *fields, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "versions");
    Mcc__Fred__Client__Version *const *versions;

    if (field == NULL)
        return;
    memcpy(&fields->clock_count, (const char *)message + field->quantifier_offset,
           sizeof(fields->clock_count));
    memcpy(&versions, (const char *)message + field->offset, sizeof(versions));
    fields->clocks = need(calloc(fields->clock_count + 1, sizeof(*fields->clocks)));
    for (size_t i = 0; i < fields->clock_count; i++)
        for (size_t k = 0; k < versions[i]->n_version; k++) {
            const Mcc__Fred__Client__Counter *counter = versions[i]->version[k];

            clock_set(&fields->clocks[i], counter->key == NULL ? "" : counter->key,
                      counter->has_value ? counter->value : 0);
        }
}

static const ProtobufCMessageDescriptor *type_of(const char *method)
{
    size_t i = 0;

    while (strcmp(types[i].method, method) != 0)
        i++;
    return types[i].type;
}

/* Moves *at behind a varint; false at the end, or if it is longer than 64 bits. */
static bool skip_varint(const struct text *bytes, size_t *at, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 70 && *at < bytes->len; shift += 7) {
        unsigned char byte = (unsigned char)bytes->data[(*at)++];

        *out |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool skip_value(const struct text *bytes, size_t *at, unsigned wire)
{
    uint64_t len = 0;

    if (wire == 0)
        return skip_varint(bytes, at, &len);
    if (wire == 2 && !skip_varint(bytes, at, &len))
        return false;
    if (wire != 1 && wire != 2 && wire != 5)
        return false;
    len = wire == 1 ? 8 : wire == 5 ? 4 : len;
    if (len > bytes->len - *at)
        return false;
    *at += (size_t)len;
    return true;
}

static bool fits(const ProtobufCMessageDescriptor *type, uint64_t tag)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
    bool is_bytes;

    if (field == NULL)
        return true;
    is_bytes = field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_STRING ||
               field->type == PROTOBUF_C_TYPE_MESSAGE;
    return (tag & 7) == (is_bytes ? 2 : 0);
}

/* The message without fields of another wire type than their own: protobuf-c takes those for
 * errors, others for unknown fields. A message that is broken stays so. */
static struct text without_misfits(const ProtobufCMessageDescriptor *type, struct text bytes)
{
    char *copy = need(malloc(bytes.len + 1));
    struct text kept = {copy, 0};
    size_t at = 0;

    while (at < bytes.len) {
        size_t begin = at;
        uint64_t tag;

        if (!skip_varint(&bytes, &at, &tag) || !skip_value(&bytes, &at, (unsigned)(tag & 7)))
            at = bytes.len;
        else if (!fits(type, tag))
            continue;
        memcpy(copy + kept.len, bytes.data + begin, at - begin);
        kept.len += at - begin;
    }
    return kept;
}

static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *type, struct text bytes)
{
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, NULL, bytes.len, (const uint8_t *)bytes.data);
    struct text kept;

    if (message != NULL)
        return message;
    kept = without_misfits(type, bytes);
    message = protobuf_c_message_unpack(type, NULL, kept.len, (const uint8_t *)kept.data);
    free((char *)(uintptr_t)kept.data);
    return message;
}

enum fields_result fields_read(struct fields *fields, const char *method, struct text bytes)
{
    ProtobufCMessage *message = unpack(type_of(method), bytes);
    protobuf_c_boolean is_mutable = 0;

    if (message == NULL)
        return FIELDS_BROKEN;
    if (!is_text(message)) {
        protobuf_c_message_free_unpacked(message, NULL);
        return FIELDS_NO_TEXT;
    }
    *fields = (struct fields){.message = message};
    fields->keygroup = text_of(message, "keygroup");
    fields->id = text_of(message, "id");
    fields->value = text_of(message, "data");
    number_of(message, "count", &fields->count, sizeof(fields->count));
    number_of(message, "expiry", &fields->expiry_s, sizeof(fields->expiry_s));
    number_of(message, "role", &fields->role, sizeof(fields->role));
    number_of(message, "mutable", &is_mutable, sizeof(is_mutable));
    fields->is_mutable = is_mutable != 0;
    if (strcmp(method, "Append") == 0)
        number_of(message, "id", &fields->number, sizeof(fields->number));
    fields->node = copy_of(message, "nodeId");
    fields->user = copy_of(message, "user");
    fields->trigger = copy_of(message, "triggerId");
    fields->host = copy_of(message, "triggerHost");
    read_clocks(fields, message);
    return FIELDS_OK;
}

void fields_fini(struct fields *fields)
{
    for (size_t i = 0; i < fields->clock_count; i++)
        clock_fini(&fields->clocks[i]);
    free(fields->clocks);
    free(fields->node);
    free(fields->user);
    free(fields->trigger);
    free(fields->host);
    protobuf_c_message_free_unpacked(fields->message, NULL);
}

/* --- answers: by hand, since they are a handful of fields ---------------------------------------
 */

void found_add(struct found *found, const char *id, const struct version *version)
{
    if (found->count == found->room) {
        found->room = found->room == 0 ? 8 : found->room * 2;
        found->ids = need(realloc(found->ids, found->room * sizeof(*found->ids)));
        found->versions = need(realloc(found->versions, found->room * sizeof(*found->versions)));
    }
    found->ids[found->count] = id;
    found->versions[found->count++] = version;
}

void found_fini(struct found *found)
{
    free(found->ids);
    free(found->versions);
}

/* Bytes that grow. */
struct bytes {
    char *data;
    size_t len;
    size_t room;
};

static void put(struct bytes *bytes, const void *data, size_t len)
{
    if (bytes->room - bytes->len < len + 1) {
        bytes->room = (bytes->len + len + 1) * 2;
        bytes->data = need(realloc(bytes->data, bytes->room));
    }
    if (len > 0)
        memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

static void put_varint(struct bytes *bytes, uint64_t value)
{
    do {
        unsigned char byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

        put(bytes, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void put_field(struct bytes *bytes, unsigned field, const void *data, size_t len)
{
    put_varint(bytes, field << 3 | 2);
    put_varint(bytes, len);
    put(bytes, data, len);
}

/* Left out when it is the default. */
static void put_text(struct bytes *bytes, unsigned field, const char *text, size_t len)
{
    if (len > 0)
        put_field(bytes, field, text, len);
}

static void put_number(struct bytes *bytes, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    put_varint(bytes, field << 3);
    put_varint(bytes, value);
}

static void put_bytes(struct bytes *bytes, unsigned field, struct bytes *inner)
{
    put_field(bytes, field, inner->data == NULL ? "" : inner->data, inner->len);
    free(inner->data);
}

static void put_clock(struct bytes *bytes, unsigned field, const struct clock *clock)
{
    struct bytes version = {0};

    for (size_t i = 0; i < clock->count; i++) {
        struct bytes entry = {0};

        put_field(&entry, 1, clock->entries[i].node, strlen(clock->entries[i].node));
        put_varint(&entry, 2 << 3);
        put_varint(&entry, clock->entries[i].counter);
        put_bytes(&version, 1, &entry);
    }
    put_bytes(bytes, field, &version);
}

static struct text finish(struct bytes *bytes)
{
    if (bytes->data == NULL)
        bytes->data = need(malloc(1));
    return (struct text){bytes->data, bytes->len};
}

struct text message_items(const struct found *found)
{
    struct bytes bytes = {0};

    for (size_t i = 0; i < found->count; i++) {
        const struct version *version = found->versions[i];
        struct bytes item = {0};

        put_text(&item, 1, found->ids[i], strlen(found->ids[i]));
        put_text(&item, 2, version->value, version->len);
        put_clock(&item, 3, &version->clock);
        put_bytes(&bytes, 1, &item);
    }
    return finish(&bytes);
}

struct text message_keys(const struct found *found)
{
    struct bytes bytes = {0};

    for (size_t i = 0; i < found->count; i++) {
        struct bytes key = {0};

        put_text(&key, 1, found->ids[i], strlen(found->ids[i]));
        put_clock(&key, 2, &found->versions[i]->clock);
        put_bytes(&bytes, 1, &key);
    }
    return finish(&bytes);
}

struct text message_version(const struct clock *clock)
{
    struct bytes bytes = {0};

    put_clock(&bytes, 1, clock);
    return finish(&bytes);
}

struct text message_append(const char *id)
{
    struct bytes bytes = {0};

    put_text(&bytes, 1, id, strlen(id));
    return finish(&bytes);
}

struct text message_keygroup_info(const struct keygroup *keygroup)
{
    struct bytes bytes = {0};

    put_number(&bytes, 1, keygroup->is_mutable ? 1 : 0);
    for (size_t i = 0; i < keygroup->member_count; i++) {
        const struct member *member = &keygroup->members[i];
        struct bytes replica = {0};

        if (!member->is_in)
            continue;
        put_text(&replica, 1, member->node->id, strlen(member->node->id));
        put_number(&replica, 2, (uint64_t)member->expiry_s);
        put_text(&replica, 3, member->node->host, strlen(member->node->host));
        put_bytes(&bytes, 2, &replica);
    }
    return finish(&bytes);
}

static void put_node(struct bytes *bytes, const struct node *node)
{
    put_text(bytes, 1, node->id, strlen(node->id));
    put_text(bytes, 2, node->host, strlen(node->host));
}

struct text message_node(const struct node *node)
{
    struct bytes bytes = {0};

    put_node(&bytes, node);
    return finish(&bytes);
}

struct text message_nodes(const struct cluster *cluster)
{
    struct bytes bytes = {0};

    for (size_t i = 0; i < cluster->node_count; i++) {
        struct bytes node = {0};

        put_node(&node, &cluster->nodes[i]);
        put_bytes(&bytes, 1, &node);
    }
    return finish(&bytes);
}

struct text message_triggers(const struct local *local)
{
    struct bytes bytes = {0};

    for (size_t i = 0; i < local->trigger_count; i++) {
        struct bytes trigger = {0};

        put_text(&trigger, 1, local->triggers[i].id, strlen(local->triggers[i].id));
        put_text(&trigger, 2, local->triggers[i].host, strlen(local->triggers[i].host));
        put_bytes(&bytes, 1, &trigger);
    }
    return finish(&bytes);
}
