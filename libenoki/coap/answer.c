#include "coap/answer.h"

#include <string.h>

#define MAX_AGE_BUSY_S 1
#define HASH_BEGIN 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u
/* ETag, Content-Format, Max-Age, both blocks, Size2, the marker of the payload and a token, each
 * as long as it may be. */
#define HEAD_MAX_BYTES (10 + 5 + 3 + 5 + 5 + 6 + 1 + 8)

struct en_coap_part en_coap_answer_part(const struct en_coap_answer *answer,
                                        const struct en_coap_part *wanted, size_t max_pdu_bytes)
{
    struct en_coap_part part = *wanted;
    size_t offset = en_coap_part_offset(wanted), len = answer->body.len;

    while (part.exponent > 0 && en_coap_part_size(&part) + HEAD_MAX_BYTES > max_pdu_bytes)
        part.exponent--;
    part.number = (uint32_t)(offset >> (part.exponent + 4));
    part.has_more = offset < len && len - offset > en_coap_part_size(&part);
    part.is_given = wanted->is_given || part.has_more;
    return part;
}

/* FNV-1a by words: long answers are looked at whole. */
static uint64_t hash(uint64_t value, const char *bytes, size_t len)
{
    uint64_t word;

    for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        value = (value ^ word) * HASH_PRIME;
        value ^= value >> 32;
    }
    for (; len > 0; len--, bytes++)
        value = (value ^ (unsigned char)*bytes) * HASH_PRIME;
    return value;
}

uint64_t en_coap_answer_tag(const struct en_coap_answer *answer)
{
    return hash(HASH_BEGIN ^ (uint64_t)answer->code << 16 ^ answer->format, answer->body.data,
                answer->body.len);
}

static bool add_number(coap_pdu_t *pdu, coap_option_num_t option, size_t value)
{
    uint8_t bytes[4];
    size_t len = coap_encode_var_safe(bytes, sizeof(bytes), (unsigned)value);

    return coap_add_option(pdu, option, len, bytes) != 0;
}

/* In the order of their numbers: else libcoap has to make room among them. */
static bool add_options(coap_pdu_t *pdu, const struct en_coap_answer *answer,
                        const struct en_coap_part *part, const struct en_coap_part *upload)
{
    bool is_cut = part->has_more || part->number > 0, is_good = true;
    uint8_t tag[8];

    memcpy(tag, &answer->tag, sizeof(tag));
    if (is_cut)
        is_good = coap_add_option(pdu, COAP_OPTION_ETAG, sizeof(tag), tag) != 0;
    /* Of nothing: text, as the originals have it. */
    if (is_good && COAP_RESPONSE_CLASS(answer->code) == 2)
        is_good = add_number(pdu, COAP_OPTION_CONTENT_FORMAT,
                             answer->body.len == 0 ? COAP_MEDIATYPE_TEXT_PLAIN : answer->format);
    if (is_good && answer->is_busy)
        is_good = add_number(pdu, COAP_OPTION_MAXAGE, MAX_AGE_BUSY_S);
    if (is_good && part->is_given)
        is_good = en_coap_part_add(pdu, COAP_OPTION_BLOCK2, part);
    if (is_good && upload->is_given)
        is_good = en_coap_part_add(pdu, COAP_OPTION_BLOCK1, upload);
    if (is_good && is_cut)
        is_good = add_number(pdu, COAP_OPTION_SIZE2, answer->body.len);
    return is_good;
}

void en_coap_answer_put(coap_pdu_t *pdu, const struct en_coap_answer *answer,
                        const struct en_coap_part *part, const struct en_coap_part *upload)
{
    size_t offset = en_coap_part_offset(part), len = en_coap_part_size(part);
    const char *data = answer->body.data + offset;

    if (part->number > 0 && offset >= answer->body.len) {
        coap_pdu_set_code(pdu, COAP_RESPONSE_CODE_BAD_REQUEST);
        return;
    }
    if (len > answer->body.len - offset)
        len = answer->body.len - offset;
    coap_pdu_set_code(pdu, answer->code);
    if (!add_options(pdu, answer, part, upload) ||
        (len > 0 && coap_add_data(pdu, len, (const uint8_t *)data) == 0))
        coap_pdu_set_code(pdu, COAP_RESPONSE_CODE_INTERNAL_ERROR);
}
