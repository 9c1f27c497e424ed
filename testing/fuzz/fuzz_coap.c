/* Foreign bytes as what a CoAP client sends: a message read as a request and answered with the
 * block that it wants, bodies put together of its blocks, a file of keys, and answers that are kept
 * for it. The first byte chooses. What is read stays within its bounds. */
#include "coap/body.h"
#include "coap/listener.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX_BYTES 4096u
#define ANSWER_BYTES 3000u

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

/* The block is of the answer's bytes, and in its place. */
static void answer_with_block(const struct en_coap_request *request)
{
    static char bytes[ANSWER_BYTES];
    const struct en_coap_answer answer = {.code = COAP_RESPONSE_CODE_CONTENT,
                                          .body = {bytes, sizeof(bytes)}};
    coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_ACK, (coap_pdu_code_t)0, 0, COAP_DEFAULT_MTU - 4);
    struct en_coap_part part = en_coap_answer_part(&answer, &request->wanted, COAP_DEFAULT_MTU - 4);
    const uint8_t *data = NULL;
    size_t len = 0;

    require(pdu != NULL);
    en_coap_answer_put(pdu, &answer, &part, &request->upload);
    if (coap_get_data(pdu, &len, &data) == 0)
        len = 0;
    if (coap_pdu_get_code(pdu) == COAP_RESPONSE_CODE_CONTENT) {
        require(len > 0 && en_coap_part_offset(&part) + len <= sizeof(bytes));
        require(part.has_more == (en_coap_part_offset(&part) + len < sizeof(bytes)));
        require(!part.has_more || len == en_coap_part_size(&part));
    } else {
        require(len == 0 && coap_pdu_get_code(pdu) == COAP_RESPONSE_CODE_BAD_REQUEST);
    }
    coap_delete_pdu(pdu);
}

static void read_message(const uint8_t *data, size_t size)
{
    struct en_coap_request request;
    coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)0, 0, size + 16);

    require(pdu != NULL);
    if (coap_pdu_parse(COAP_PROTO_UDP, data, size, pdu) != 0 &&
        coap_pdu_get_code(pdu) != COAP_EMPTY_CODE) {
        if (en_coap_request_read(&request, pdu) == 0) {
            look_at(&request.request);
            answer_with_block(&request);
        }
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

/* Three bytes are one step: whose answer it is, what is done with it, and how long it is. */
static void keep_answers(const uint8_t *data, size_t size)
{
    struct en_coap_keeps keeps = {.max_count = 4, .max_total_bytes = 1024};

    for (; size >= 3; data += 3, size -= 3) {
        const struct en_text key = {(const char *)&data[0], 1};
        struct en_coap_answer answer = {.tag = data[2]};
        struct en_buffer bytes = EN_BUFFER_INIT(4096);
        const struct en_coap_answer *found = en_coap_kept_find(&keeps, key, data[1]);

        require(found == NULL || found->body.len == found->tag * 8);
        if (found != NULL && (data[1] & 1) != 0)
            en_coap_kept_done(&keeps);
        if (en_buffer_reserve(&bytes, data[2] * 8u + 1u) != 0)
            abort();
        bytes.len = data[2] * 8u;
        answer.body = (struct en_text){bytes.data, bytes.len};
        if (en_coap_keep(&keeps, key, &answer, &bytes, data[1]))
            require(en_coap_kept_find(&keeps, key, data[1])->tag == data[2]);
        en_buffer_fini(&bytes);
        require(keeps.count <= 4 && keeps.total_bytes <= 1024);
    }
    en_coap_keeps_expire(&keeps, UINT64_MAX);
    require(keeps.count == 0 && keeps.total_bytes == 0);
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
    static void (*const readers[])(const uint8_t *, size_t) = {read_message, add_blocks, read_keys,
                                                               keep_answers};

    coap_set_log_level(LOG_EMERG);
    if (size > 0)
        readers[data[0] % 4](data + 1, size - 1);
    return 0;
}
