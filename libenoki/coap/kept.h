/*
 * kept.h - long answers, of which clients ask for block after block (RFC 7959, Block2). libcoap
 * could keep them, but knows those of one client apart only by resource, and all functions are
 * one to it.
 *
 * An answer is kept for 60 s after the last of its blocks that was asked for: longer than a client
 * repeats a request. So is one whose last block was sent, which may have been lost; but when room
 * is needed such go first, then those that have waited longest.
 *
 * Memory   answers are the list's until they are dropped.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_COAP_KEPT_H
#define EN_COAP_KEPT_H

#include "base/buffer.h"
#include "coap/answer.h"

struct en_coap_kept {
    struct en_coap_kept *next;
    uint64_t until_ms;
    struct en_coap_answer answer; /* its body is bytes */
    struct en_buffer bytes;
    size_t key_len;
    char key[];
};

struct en_coap_keeps {
    struct en_coap_kept *first; /* the one that goes last */
    size_t count;
    size_t total_bytes;
    size_t max_count;
    size_t max_total_bytes;
};

/* Keeps an answer under a key: who has asked, for what. One that is kept under it goes. bytes is
 * answer's body, and consumed. False, and nothing is changed: no memory, or it is too long. */
bool en_coap_keep(struct en_coap_keeps *keeps, struct en_text key,
                  const struct en_coap_answer *answer, struct en_buffer *bytes, uint64_t now_ms);
/* The answer, borrowed until the list changes; NULL: none is kept under that key. */
const struct en_coap_answer *en_coap_kept_find(struct en_coap_keeps *keeps, struct en_text key,
                                               uint64_t now_ms);
/* The client has been given the last block of what was found last. */
void en_coap_kept_done(struct en_coap_keeps *keeps);
void en_coap_keeps_expire(struct en_coap_keeps *keeps, uint64_t now_ms);
void en_coap_keeps_fini(struct en_coap_keeps *keeps);

#endif
