/*
 * taken.h - requests that were taken: the same message once more is not run again, and is answered
 * as before if its answer went with the acknowledgement (RFC 7252, 4.5).
 *
 * Threads  one thread at a time.
 */
#ifndef EN_COAP_TAKEN_H
#define EN_COAP_TAKEN_H

#include <coap3/coap.h>

#include <stdbool.h>

#define EN_COAP_TAKEN_COUNT 4096u
#define EN_COAP_KEPT_MAX_BYTES COAP_DEFAULT_MTU /* one message: of more, the first block */

struct en_coap_taken {
    coap_address_t peer;
    coap_mid_t mid;
    uint16_t next; /* with the same bucket: its place + 1; 0: none */
    uint64_t until_ms;
    uint64_t serial;    /* no other one has it */
    coap_pdu_t *answer; /* code, options and payload; NULL: none is kept */
};

/* The newest ones. */
struct en_coap_takens {
    struct en_coap_taken ring[EN_COAP_TAKEN_COUNT];
    uint16_t buckets[EN_COAP_TAKEN_COUNT]; /* the place of the first + 1 */
    size_t next;
    uint64_t last_serial;
};

/* NULL: this message of this peer was not taken. */
struct en_coap_taken *en_coap_taken_find(struct en_coap_takens *takens, const coap_address_t *peer,
                                         coap_mid_t mid, uint64_t now_ms);
/* It is, from now on. Its place is another's once its serial is. */
struct en_coap_taken *en_coap_taken_add(struct en_coap_takens *takens, const coap_address_t *peer,
                                        coap_mid_t mid, uint64_t now_ms);
/* Keeps a copy of its answer, of EN_COAP_KEPT_MAX_BYTES at most. False: it cannot, for want of
 * memory, or because it was forgotten meanwhile. */
bool en_coap_taken_keep(struct en_coap_taken *taken, uint64_t serial, const coap_pdu_t *answer);
/* Makes the response the answer that is kept. Without one it stays empty. */
void en_coap_taken_repeat(const struct en_coap_taken *taken, coap_pdu_t *response);
void en_coap_takens_fini(struct en_coap_takens *takens);

#endif
