/* Foreign bytes as a stored record: every sibling lies inside them, and what verifies can be
 * written again and reads the same. */
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_inside(const void *part, size_t len, const uint8_t *data, size_t size)
{
    uintptr_t at = (uintptr_t)part, begin = (uintptr_t)data;

    return at >= begin && at - begin <= size && len <= size - (at - begin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct en_sibling siblings[EN_RECORD_SIBLINGS_MAX];
    struct en_record record;
    size_t count = 0, bytes;
    void *copy;
    int rc = 0;

    if (en_record_open(&record, data, size) != 0)
        return 0;
    while (count < EN_RECORD_SIBLINGS_MAX &&
           (rc = en_record_next(&record, &siblings[count])) == 1) {
        const struct en_sibling *sibling = &siblings[count++];

        require(is_inside(sibling->version.bytes, sibling->version.len, data, size));
        require(sibling->value == NULL ||
                is_inside(sibling->value, sibling->value_len, data, size));
    }
    if (rc != 0 || count == 0 || en_record_size(siblings, count, &bytes) != 0)
        return 0;
    copy = malloc(bytes);
    if (copy == NULL)
        return 0;
    en_record_write(copy, siblings, count);
    require(en_record_verify(copy, bytes) == 0);
    if (en_record_verify(data, size) == 0)
        require(bytes == size && memcmp(copy, data, size) == 0);
    free(copy);
    return 0;
}
