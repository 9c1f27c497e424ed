/*
 * block.h - the options Block1 and Block2 (RFC 7959): which part of a body a message has or wants.
 *
 * Threads  any thread.
 */
#ifndef EN_COAP_BLOCK_H
#define EN_COAP_BLOCK_H

#include <coap3/coap.h>

#include <stdbool.h>

#define EN_COAP_EXPONENT_MAX 6u /* blocks of 1024 bytes; what 7 means, only streams know */

struct en_coap_part {
    bool is_given;
    bool has_more;
    uint8_t exponent; /* SZX: of blocks of 16 << exponent bytes */
    uint32_t number;  /* 20 bits */
};

/* Reads COAP_OPTION_BLOCK1 or COAP_OPTION_BLOCK2. False: it is there, and none that is allowed. */
bool en_coap_part_read(struct en_coap_part *out, const coap_pdu_t *pdu, coap_option_num_t option);
/* False: there is no room for it. */
bool en_coap_part_add(coap_pdu_t *pdu, coap_option_num_t option, const struct en_coap_part *part);

static inline size_t en_coap_part_size(const struct en_coap_part *part)
{
    return (size_t)16 << part->exponent;
}

/* Where it stands in its body. */
static inline size_t en_coap_part_offset(const struct en_coap_part *part)
{
    return (size_t)part->number << (part->exponent + 4);
}

#endif
