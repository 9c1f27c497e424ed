#include "coap/block.h"

#define VALUE_MAX_BYTES 3u

bool en_coap_part_read(struct en_coap_part *out, const coap_pdu_t *pdu, coap_option_num_t option)
{
    coap_opt_iterator_t iterator;
    const coap_opt_t *found = coap_check_option(pdu, option, &iterator);
    unsigned value;

    *out = (struct en_coap_part){.exponent = EN_COAP_EXPONENT_MAX};
    if (found == NULL)
        return true;
    if (coap_opt_length(found) > VALUE_MAX_BYTES)
        return false;
    value = coap_decode_var_bytes(coap_opt_value(found), coap_opt_length(found));
    *out = (struct en_coap_part){.is_given = true,
                                 .has_more = (value & 8u) != 0,
                                 .exponent = value & 7u,
                                 .number = value >> 4};
    return out->exponent <= EN_COAP_EXPONENT_MAX;
}

bool en_coap_part_add(coap_pdu_t *pdu, coap_option_num_t option, const struct en_coap_part *part)
{
    uint8_t bytes[4];
    size_t len = coap_encode_var_safe(
        bytes, sizeof(bytes), part->number << 4 | (part->has_more ? 8u : 0) | part->exponent);

    return coap_add_option(pdu, option, len, bytes) != 0;
}
