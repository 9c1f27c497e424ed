/* Foreign bytes as what a front door and its runtimes tell each other. Nothing is read outside
 * them, and what was read is written as the same bytes again. The first byte chooses. */
#include "wire/frame_invoke.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The payload that was made is the one that was read. */
static void require_same(const struct en_buffer *made, int rc, const uint8_t *data, size_t size)
{
    if (rc != 0 || made->len != size + EN_FRAME_HEAD_BYTES ||
        (size > 0 && memcmp(made->data + EN_FRAME_HEAD_BYTES, data, size) != 0))
        abort();
}

static void try_call(const uint8_t *data, size_t size, struct en_buffer *made)
{
    struct en_frame_reader reader = {data, size, false};
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_call call;

    if (en_frame_call_take(&reader, &call, headers) == 0)
        require_same(made, en_frame_call_put(made, 1, &call), data, size);
}

static void try_answer(const uint8_t *data, size_t size, struct en_buffer *made)
{
    struct en_frame_reader reader = {data, size, false};
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_answer answer;

    if (en_frame_answer_take(&reader, &answer, headers) == 0)
        require_same(made, en_frame_answer_put(made, 1, &answer), data, size);
}

static void try_invoke(const uint8_t *data, size_t size, struct en_buffer *made)
{
    struct en_frame_reader reader = {data, size, false};
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_invoke invoke;

    if (en_frame_invoke_take(&reader, &invoke, headers) == 0)
        require_same(made, en_frame_invoke_put(made, 1, &invoke), data, size);
}

static void try_start(const uint8_t *data, size_t size)
{
    struct en_frame_reader reader = {data, size, false};
    struct en_frame_start start;
    struct en_text name, value;

    if (en_frame_start_take(&reader, &start) != 0)
        return;
    for (uint32_t i = 0; i < start.variable_count && !reader.is_bad; i++)
        en_frame_variable_take(&reader, &name, &value);
}

static void try_rest(const uint8_t *data, size_t size)
{
    struct en_frame_reader hello = {data, size, false}, failed = {data, size, false};
    struct en_text sentence;
    int status;

    if (en_frame_hello_take(&hello) == 0 && size != 8)
        abort();
    if (en_frame_failed_take(&failed, &status, &sentence) == 0 && status >= 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct en_buffer made = EN_BUFFER_INIT(16u << 20);

    if (size == 0)
        return 0;
    switch (data[0] % 5) {
    case 0:
        try_call(data + 1, size - 1, &made);
        break;
    case 1:
        try_answer(data + 1, size - 1, &made);
        break;
    case 2:
        try_start(data + 1, size - 1);
        break;
    case 3:
        try_invoke(data + 1, size - 1, &made);
        break;
    default:
        try_rest(data + 1, size - 1);
        break;
    }
    en_buffer_fini(&made);
    return 0;
}
