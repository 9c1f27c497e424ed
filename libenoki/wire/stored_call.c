#include "wire/stored_call.h"

#include "wire/checksum.h"
#include "wire/little.h"

#include <string.h>

#define FORMAT 1u
#define HEAD_BYTES 8u

int en_stored_call_write(struct en_buffer *out, const struct en_stored_call *call)
{
    struct en_buffer frame = EN_BUFFER_INIT(out->max);
    unsigned char head[HEAD_BYTES] = {FORMAT, EN_FRAME_VERSION};
    size_t begin = out->len;
    int rc = call->function.len > UINT16_MAX ? ENOKI_ELIMIT
                                             : en_frame_call_put(&frame, 0, &call->call);

    en_store_u16(head + 2, (uint16_t)call->function.len);
    if (rc == 0)
        rc = en_buffer_append(out, head, HEAD_BYTES);
    if (rc == 0)
        rc = en_buffer_append(out, call->function.data, call->function.len);
    if (rc == 0)
        rc = en_buffer_append(out, frame.data + EN_FRAME_HEAD_BYTES,
                              frame.len - EN_FRAME_HEAD_BYTES);
    en_buffer_fini(&frame);
    if (rc != 0) {
        out->len = begin;
        return rc;
    }
    en_store_u32((unsigned char *)out->data + begin + 4,
                 en_checksum(out->data + begin + HEAD_BYTES, out->len - begin - HEAD_BYTES));
    return 0;
}

int en_stored_call_read(const void *bytes, size_t len, struct en_stored_call *out,
                        struct en_header *headers)
{
    const unsigned char *at = bytes;
    struct en_frame_reader reader;
    size_t name_len;

    if (len < HEAD_BYTES || at[0] != FORMAT || at[1] != EN_FRAME_VERSION)
        return ENOKI_EFORMAT;
    name_len = en_load_u16(at + 2);
    if (name_len > len - HEAD_BYTES ||
        en_load_u32(at + 4) != en_checksum(at + HEAD_BYTES, len - HEAD_BYTES))
        return ENOKI_EFORMAT;
    out->function = (struct en_text){(const char *)at + HEAD_BYTES, name_len};
    reader = (struct en_frame_reader){at + HEAD_BYTES + name_len, len - HEAD_BYTES - name_len,
                                      false};
    return en_frame_call_take(&reader, &out->call, headers) == 0 ? 0 : ENOKI_EFORMAT;
}
