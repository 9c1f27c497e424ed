/* Foreign bytes as what a CoAP client sends: a message read as a request, bodies put together of
 * its blocks, and a file of keys. The first byte chooses. What is read stays within its bounds. */
#include "coap/body.h"
#include "coap/listener.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX_BYTES 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at(const struct en_listener_request *request)
{
    for (size_t i = 0; i < request->subpath.len; i++)
        require(request->subpath.data[i] > ' ' && request->subpath.data[i] < 0x7f);
    for (size_t i = 0; i < request->query.len; i++)
        require(request->query.data[i] > ' ' && request->query.data[i] < 0x7f);
    require(request->subpath.len == 0 || request->subpath.data[0] == '/');
    require(request->header_count <= 1);
    require(strlen(request->method.data) == request->method.len);
}

static void read_message(const uint8_t *data, size_t size)
{
    struct en_coap_request request;
    coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)0, 0, size + 16);

    require(pdu != NULL);
    if (coap_pdu_parse(COAP_PROTO_UDP, data, size, pdu) != 0 &&
        coap_pdu_get_code(pdu) != COAP_EMPTY_CODE) {
        if (en_coap_request_read(&request, pdu) == 0)
            look_at(&request.request);
        en_buffer_fini(&request.texts);
    }
    coap_delete_pdu(pdu);
}

/* Three bytes say whose block it is, where it stands and how long it is; then its bytes. */
static void add_blocks(const uint8_t *data, size_t size)
{
    struct en_coap_bodies bodies = {.max_count = 3,
                                    .max_bytes = BODY_MAX_BYTES,
                                    .max_total_bytes = 2 * BODY_MAX_BYTES};

    while (size >= 3) {
        const struct en_text key = {(const char *)&data[0], 1};
        size_t len = data[2] < size - 3 ? data[2] : size - 3;
        const struct en_text block = {(const char *)data + 3, len};
        struct en_text out = {"", 0};
        enum en_coap_block state = en_coap_body_add(&bodies, key, (size_t)(data[1] & 0x7f) * 16,
                                                    (data[1] & 0x80) != 0, block, &out);

        require(out.len <= BODY_MAX_BYTES && bodies.count <= 3);
        require(bodies.total_bytes <= 2 * BODY_MAX_BYTES);
        if (state == EN_COAP_BODY_WHOLE)
            en_coap_body_drop(&bodies, key);
        data += 3 + len;
        size -= 3 + len;
    }
    en_coap_bodies_expire(&bodies, UINT64_MAX);
    require(bodies.count == 0 && bodies.total_bytes == 0);
}

static void read_keys(const uint8_t *data, size_t size)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_coap_keys *keys = NULL;

    if (en_coap_keys_parse(&keys, (const char *)data, size, "keys", &err) != 0)
        require(err.status == ENOKI_ETLS && err.message[0] != '\0');
    else
        require(en_coap_keys_find(keys, "nobody has this name", 20) == NULL);
    en_coap_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *, size_t) = {read_message, add_blocks, read_keys};

    coap_set_log_level(LOG_EMERG);
    if (size > 0)
        readers[data[0] % 3](data + 1, size - 1);
    return 0;
}
