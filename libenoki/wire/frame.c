#include "wire/frame.h"

#include "wire/little.h"

#define TYPE_AT 4u
#define FLAGS_AT 5u
#define CALL_AT 8u

int en_frame_head_read(const void *bytes, struct en_frame_head *out)
{
    const unsigned char *at = bytes;

    out->len = en_load_u32(at);
    out->type = at[TYPE_AT];
    out->call = en_load_u64(at + CALL_AT);
    return at[FLAGS_AT] == 0 && en_load_u16(at + FLAGS_AT + 1) == 0 ? 0 : ENOKI_EPROTO;
}

int en_frame_begin(struct en_buffer *out, enum en_frame_type type, uint64_t call, size_t *at_out)
{
    unsigned char head[EN_FRAME_HEAD_BYTES] = {0};

    *at_out = out->len;
    head[TYPE_AT] = (unsigned char)type;
    en_store_u64(head + CALL_AT, call);
    return en_buffer_append(out, head, sizeof(head));
}

int en_frame_end(struct en_buffer *out, size_t at)
{
    size_t len = out->len - at - EN_FRAME_HEAD_BYTES;

    if (len > UINT32_MAX)
        return ENOKI_ELIMIT;
    en_store_u32(out->data + at, (uint32_t)len);
    return 0;
}

int en_frame_put_u8(struct en_buffer *out, uint8_t value)
{
    return en_buffer_append(out, &value, 1);
}

int en_frame_put_u16(struct en_buffer *out, uint16_t value)
{
    unsigned char bytes[2];

    en_store_u16(bytes, value);
    return en_buffer_append(out, bytes, sizeof(bytes));
}

int en_frame_put_u32(struct en_buffer *out, uint32_t value)
{
    unsigned char bytes[4];

    en_store_u32(bytes, value);
    return en_buffer_append(out, bytes, sizeof(bytes));
}

int en_frame_put_u64(struct en_buffer *out, uint64_t value)
{
    unsigned char bytes[8];

    en_store_u64(bytes, value);
    return en_buffer_append(out, bytes, sizeof(bytes));
}

int en_frame_put_bytes(struct en_buffer *out, const void *bytes, size_t len)
{
    int rc;

    if (len > UINT32_MAX)
        return ENOKI_ELIMIT;
    rc = en_frame_put_u32(out, (uint32_t)len);
    return rc != 0 ? rc : en_buffer_append(out, bytes, len);
}

/* NULL if there are not so many. */
static const unsigned char *take(struct en_frame_reader *reader, size_t len)
{
    const unsigned char *at = reader->at;

    if (reader->is_bad || len > reader->left) {
        reader->is_bad = true;
        return NULL;
    }
    reader->at += len;
    reader->left -= len;
    return at;
}

uint8_t en_frame_take_u8(struct en_frame_reader *reader)
{
    const unsigned char *at = take(reader, 1);

    return at == NULL ? 0 : *at;
}

uint16_t en_frame_take_u16(struct en_frame_reader *reader)
{
    const unsigned char *at = take(reader, 2);

    return at == NULL ? 0 : en_load_u16(at);
}

uint32_t en_frame_take_u32(struct en_frame_reader *reader)
{
    const unsigned char *at = take(reader, 4);

    return at == NULL ? 0 : en_load_u32(at);
}

uint64_t en_frame_take_u64(struct en_frame_reader *reader)
{
    const unsigned char *at = take(reader, 8);

    return at == NULL ? 0 : en_load_u64(at);
}

const void *en_frame_take_bytes(struct en_frame_reader *reader, size_t *len_out)
{
    size_t len = en_frame_take_u32(reader);
    const unsigned char *at = take(reader, len);

    *len_out = at == NULL ? 0 : len;
    return at == NULL ? (const void *)"" : at;
}

bool en_frame_is_at_end(const struct en_frame_reader *reader)
{
    return !reader->is_bad && reader->left == 0;
}
