#include "state/store/packed.h"

#include "base/checked.h"
#include "wire/little.h"

#include <string.h>

#define HEAD_BYTES 12u
#define FLAG_EXPECTS 1u
#define FLAG_VALUE 2u

static unsigned char *put(unsigned char *at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

size_t en_op_pack(const struct en_op *op, unsigned char bytes[EN_PACKED_BYTES])
{
    const size_t id_len = strlen(op->id);
    const size_t node_len = strlen(op->node);
    size_t len = HEAD_BYTES + id_len + 1 + node_len + 1;
    unsigned char *at = bytes;

    if (op->version_count > EN_PACKED_VERSIONS || op->value_len > EN_PACKED_BYTES)
        return 0;
    for (size_t i = 0; i < op->version_count; i++)
        len += op->versions[i].len;
    len += op->value_len;
    if (len > EN_PACKED_BYTES)
        return 0;

    *at++ = (unsigned char)op->kind;
    *at++ = (unsigned char)((op->expects ? FLAG_EXPECTS : 0) | (op->value ? FLAG_VALUE : 0));
    en_store_u16(at, (uint16_t)id_len);
    en_store_u16(at + 2, (uint16_t)node_len);
    en_store_u16(at + 4, (uint16_t)op->version_count);
    en_store_u32(at + 6, (uint32_t)op->value_len);
    at = put(at + 10, op->id, id_len + 1);
    at = put(at, op->node, node_len + 1);
    for (size_t i = 0; i < op->version_count; i++)
        at = put(at, op->versions[i].bytes, op->versions[i].len);
    (void)put(at, op->value, op->value_len);
    return len;
}

/* A text of that length and its NUL; NULL if they are not there. */
static const char *take_text(const unsigned char **at, size_t *left, size_t len)
{
    const char *text = (const char *)*at;

    if (*left < len + 1 || text[len] != '\0')
        return NULL;
    *at += len + 1;
    *left -= len + 1;
    return text;
}

static bool take_versions(const unsigned char **at, size_t *left, struct en_unpacked *out)
{
    for (size_t i = 0; i < out->op.version_count; i++) {
        if (en_version_view_read(*at, *left, &out->versions[i]) != 0)
            return false;
        *at += out->versions[i].len;
        *left -= out->versions[i].len;
    }
    return true;
}

static bool is_sensible(const struct en_op *op, size_t id_len, size_t node_len)
{
    if (!en_is_name(op->id, id_len) || !en_version_is_node(op->node, node_len))
        return false;
    switch (op->kind) {
    case EN_OP_WRITE:
        return op->expects || op->version_count == 0;
    case EN_OP_APPEND:
        return op->value != NULL && op->version_count == 0;
    case EN_OP_IMPORT:
        return op->version_count == 1;
    }
    return false;
}

int en_op_unpack(const unsigned char *bytes, size_t len, struct en_unpacked *out)
{
    const unsigned char *at = bytes + HEAD_BYTES;
    size_t left = len - HEAD_BYTES;
    size_t id_len, node_len;
    bool has_value;

    if (len < HEAD_BYTES)
        return ENOKI_EFORMAT;
    out->op.kind = (enum en_op_kind)bytes[0];
    out->op.expects = (bytes[1] & FLAG_EXPECTS) != 0;
    has_value = (bytes[1] & FLAG_VALUE) != 0;
    id_len = en_load_u16(bytes + 2);
    node_len = en_load_u16(bytes + 4);
    out->op.version_count = en_load_u16(bytes + 6);
    out->op.value_len = en_load_u32(bytes + 8);
    if (out->op.version_count > EN_PACKED_VERSIONS || has_value != (out->op.value_len > 0))
        return ENOKI_EFORMAT;
    out->op.id = take_text(&at, &left, id_len);
    out->op.node = out->op.id == NULL ? NULL : take_text(&at, &left, node_len);
    if (out->op.node == NULL || !take_versions(&at, &left, out) || left != out->op.value_len)
        return ENOKI_EFORMAT;
    out->op.versions = out->versions;
    out->op.value = has_value ? at : NULL;
    return is_sensible(&out->op, id_len, node_len) ? 0 : ENOKI_EFORMAT;
}
