/* Foreign bytes as what a gRPC client sends: a Data, and metadata, the names and values of which
 * are cut at zeroes. The first byte chooses. What becomes a header of HTTP is one. */
#include "grpc/message.h"

#include "base/utf8.h"
#include "wire/http_chars.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_data(const uint8_t *data, size_t size)
{
    struct en_buffer out = EN_BUFFER_INIT(1u << 22);
    struct en_grpc_data read;

    if (en_grpc_data_read(&read, data, size) == NULL) {
        require(en_utf8_is_valid(read.function.data, read.function.len));
        require(en_utf8_is_valid(read.body.data, read.body.len));
        require(read.function.len + read.body.len <= size);
        require(en_grpc_response_write(&out, &read.body) == 0 && out.len >= read.body.len);
    }
    en_buffer_fini(&out);
    en_rpc_arena_fini(&read.arena);
}

static void read_metadata(const uint8_t *data, size_t size)
{
    struct en_grpc_headers headers = {.count = 0};

    while (size > 0) {
        const char *name = (const char *)data;
        size_t name_len = strnlen(name, size);
        const char *value = name + (name_len < size ? name_len + 1 : name_len);
        size_t value_len = strnlen(value, (size_t)(name + size - value));
        size_t used = (size_t)(value - name) + value_len + 1;

        require(en_grpc_headers_add(&headers, name, name_len, value, value_len) == 0);
        data += used < size ? used : size;
        size -= used < size ? used : size;
    }
    en_grpc_headers_settle(&headers);
    for (size_t i = 0; i < headers.count; i++) {
        require(headers.headers[i].name.len > 0);
        for (size_t at = 0; at < headers.headers[i].name.len; at++)
            require(en_http_is(headers.headers[i].name.data[at], EN_HTTP_TOKEN));
        require(en_http_is_field_text(headers.headers[i].value.data,
                                      headers.headers[i].value.len));
    }
    en_buffer_fini(&headers.texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] % 2 == 0)
        read_data(data + 1, size - 1);
    else if (size > 0)
        read_metadata(data + 1, size - 1);
    return 0;
}
