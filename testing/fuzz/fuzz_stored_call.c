/* Foreign bytes as a stored call. Nothing is read outside them, and what was read is written as the
 * same bytes again. The checksum is made right first, or nothing would get past it. */
#include "wire/checksum.h"
#include "wire/little.h"
#include "wire/stored_call.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct en_buffer made = EN_BUFFER_INIT(1u << 24);
    struct en_header headers[EN_HEADERS_MAX];
    unsigned char *bytes = malloc(size + 1);
    struct en_stored_call call;

    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    if (en_stored_call_read(bytes, size, &call, headers) != 0 && size >= 8)
        en_store_u32(bytes + 4, en_checksum(bytes + 8, size - 8));
    if (en_stored_call_read(bytes, size, &call, headers) == 0 &&
        (en_stored_call_write(&made, &call) != 0 || made.len != size ||
         memcmp(made.data, bytes, size) != 0))
        abort();
    en_buffer_fini(&made);
    free(bytes);
    return 0;
}
