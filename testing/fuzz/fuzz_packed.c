/* Operations in shared memory: whatever a stray pointer left there is refused or well formed. */
#include "state/store/packed.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char again[EN_PACKED_BYTES];
    struct en_unpacked unpacked;

    if (size > EN_PACKED_BYTES || en_op_unpack(data, size, &unpacked) != 0)
        return 0;
    /* What is accepted packs to the same bytes, but for flags that have no meaning. */
    if (en_op_pack(&unpacked.op, again) != size ||
        (size > 2 && memcmp(again + 2, data + 2, size - 2) != 0))
        abort();
    return 0;
}
