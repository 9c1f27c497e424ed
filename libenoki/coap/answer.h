/*
 * answer.h - an answer as a message: code, options, and the body or the block of it that is wanted.
 *
 * Threads  one thread at a time.
 */
#ifndef EN_COAP_ANSWER_H
#define EN_COAP_ANSWER_H

#include "coap/block.h"
#include "wire/message.h"

struct en_coap_answer {
    coap_pdu_code_t code;
    uint16_t format; /* Content-Format, of a success */
    bool is_busy;    /* the client may try again soon */
    uint64_t tag;    /* of what is the same, the same; looked at if the body goes in blocks */
    struct en_text body;
};

/* The size of blocks: what the client wants, or what messages of that size have room for. */
struct en_coap_part en_coap_answer_part(const struct en_coap_answer *answer,
                                        const struct en_coap_part *wanted, size_t max_pdu_bytes);
/* Of code, format and body. */
uint64_t en_coap_answer_tag(const struct en_coap_answer *answer);
/* Makes the answer's part the message's content. upload is the last block of the request's body, if
 * it came in blocks. A block behind the end is 4.00; what finds no room is 5.00. */
void en_coap_answer_put(coap_pdu_t *pdu, const struct en_coap_answer *answer,
                        const struct en_coap_part *part, const struct en_coap_part *upload);

#endif
