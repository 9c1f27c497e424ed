/* What answers `enoki invoke -p grpc`: lines of head and trailers up to a NUL, then the body. */
#include "calls.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
    size_t head = zero == NULL ? size : (size_t)(zero - data), at = 0;
    struct grpc_end end = {.status = -1};
    struct outcome outcome = {.len = zero == NULL ? 0 : size - head - 1};

    while (at < head) {
        const uint8_t *newline = memchr(data + at, '\n', head - at);
        size_t len = newline == NULL ? head - at : (size_t)(newline - data) + 1 - at;
        char *line = malloc(len); /* of its own size: a byte read behind it is found */

        if (line == NULL)
            return 0;
        memcpy(line, data + at, len);
        grpc_read_header(&end, line, len);
        free(line);
        at += len;
    }
    if (outcome.len > 0) {
        outcome.body = malloc(outcome.len);
        if (outcome.body == NULL)
            return 0;
        memcpy(outcome.body, zero + 1, outcome.len);
    }
    /* What is taken ends with a NUL; what is not leaves nothing behind. */
    if (grpc_unwrap(&end, &outcome, NULL) != 0 ? outcome.body != NULL
                                               : outcome.ok && outcome.body[outcome.len] != '\0')
        abort();
    outcome_fini(&outcome);
    return 0;
}
