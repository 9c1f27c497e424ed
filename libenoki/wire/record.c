#include "wire/record.h"

#include "base/checked.h"
#include "wire/checksum.h"
#include "wire/little.h"

#include <string.h>

#define HEAD_BYTES 8u

int en_record_open(struct en_record *record, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    unsigned siblings;

    if (len < HEAD_BYTES || len > EN_RECORD_MAX_BYTES || at[0] != EN_RECORD_FORMAT || at[1] != 0)
        return ENOKI_EFORMAT;
    siblings = en_load_u16(at + 2);
    if (siblings == 0 || siblings > EN_RECORD_SIBLINGS_MAX)
        return ENOKI_EFORMAT;
    *record = (struct en_record){at + HEAD_BYTES, len - HEAD_BYTES, siblings};
    return 0;
}

int en_record_next(struct en_record *record, struct en_sibling *out)
{
    struct en_version_view version;
    size_t value_len;

    if (record->siblings == 0)
        return 0;
    if (record->left < 4)
        return ENOKI_EFORMAT;
    value_len = en_load_u32(record->at);
    if (en_version_view_read(record->at + 4, record->left - 4, &version) != 0 ||
        value_len > record->left - 4 - version.len)
        return ENOKI_EFORMAT;
    out->version = version;
    out->value = value_len == 0 ? NULL : version.bytes + version.len;
    out->value_len = value_len;
    record->at = version.bytes + version.len + value_len;
    record->left -= 4 + version.len + value_len;
    record->siblings--;
    return 1;
}

int en_record_verify(const void *bytes, size_t len)
{
    const unsigned char *begin = bytes;
    struct en_record record;
    struct en_sibling sibling;
    int rc = en_record_open(&record, bytes, len);

    if (rc != 0)
        return rc;
    do
        rc = en_record_next(&record, &sibling);
    while (rc == 1);
    if (rc != 0 || record.left != 0)
        return ENOKI_EFORMAT;
    return en_checksum(begin + HEAD_BYTES, len - HEAD_BYTES) == en_load_u32(begin + 4) ? 0
                                                                                    : ENOKI_EFORMAT;
}

int en_record_size(const struct en_sibling *siblings, size_t count, size_t *size_out)
{
    size_t size = HEAD_BYTES;

    if (count == 0 || count > EN_RECORD_SIBLINGS_MAX)
        return ENOKI_ELIMIT;
    for (size_t i = 0; i < count; i++)
        if (!en_add_size(size, 4 + siblings[i].version.len, &size) ||
            !en_add_size(size, siblings[i].value_len, &size) || size > EN_RECORD_MAX_BYTES)
            return ENOKI_ELIMIT;
    *size_out = size;
    return 0;
}

void en_record_write(void *to, const struct en_sibling *siblings, size_t count)
{
    unsigned char *begin = to;
    unsigned char *at = begin + HEAD_BYTES;

    begin[0] = EN_RECORD_FORMAT;
    begin[1] = 0;
    en_store_u16(begin + 2, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        en_store_u32(at, (uint32_t)siblings[i].value_len);
        at += 4;
        memcpy(at, siblings[i].version.bytes, siblings[i].version.len);
        at += siblings[i].version.len;
        if (siblings[i].value_len > 0)
            memcpy(at, siblings[i].value, siblings[i].value_len);
        at += siblings[i].value_len;
    }
    en_store_u32(begin + 4, en_checksum(begin + HEAD_BYTES, (size_t)(at - begin) - HEAD_BYTES));
}
