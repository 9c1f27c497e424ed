#include "wire/checksum.h"

#include "wire/little.h"

#include <string.h>

/* Four lanes of multiply and rotate. */
uint32_t en_checksum(const void *from, size_t len)
{
    const unsigned char *bytes = from;
    const uint64_t prime = 0x9e3779b97f4a7c15u;
    uint64_t lanes[4] = {1, 2, 3, 4};
    unsigned char tail[32] = {0};
    uint64_t sum = len;

    for (; len >= 32; bytes += 32, len -= 32)
        for (int i = 0; i < 4; i++) {
            lanes[i] = (lanes[i] ^ en_load_u64(bytes + 8 * i)) * prime;
            lanes[i] = lanes[i] << 29 | lanes[i] >> 35;
        }
    if (len > 0)
        memcpy(tail, bytes, len);
    for (int i = 0; i < 4; i++) {
        lanes[i] = (lanes[i] ^ en_load_u64(tail + 8 * i)) * prime;
        sum = (sum ^ (lanes[i] ^ lanes[i] >> 32)) * prime;
    }
    return (uint32_t)(sum >> 32);
}
