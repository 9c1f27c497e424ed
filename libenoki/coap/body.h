/*
 * body.h - bodies that come in blocks (RFC 7959, Block1), put together within bounds. libcoap could
 * do it, but has no bound, and believes the length that a client announces.
 *
 * Blocks come in order, as every client sends them that waits for an answer to each. One that came
 * before is skipped; one before which another is missing ends the body.
 *
 * Memory   bodies are the list's until they are dropped.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_COAP_BODY_H
#define EN_COAP_BODY_H

#include "base/buffer.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

struct en_coap_body;

struct en_coap_bodies {
    struct en_coap_body *first; /* the one that was added to last */
    size_t count;
    size_t total_bytes;
    size_t max_count;
    size_t max_bytes;       /* of one */
    size_t max_total_bytes; /* of all: above, the one that has waited longest goes */
};

enum en_coap_block {
    EN_COAP_BODY_WHOLE,
    EN_COAP_BODY_MORE,
    EN_COAP_BODY_TOO_LONG,
    EN_COAP_BODY_INCOMPLETE,
    EN_COAP_BODY_NO_MEMORY,
};

/* One block of the body that key names: who sends it, and to where. WHOLE: *out is the body,
 * borrowed until en_coap_body_drop() with the same key. */
enum en_coap_block en_coap_body_add(struct en_coap_bodies *bodies, struct en_text key,
                                    size_t offset, bool has_more, struct en_text block,
                                    struct en_text *out);
void en_coap_body_drop(struct en_coap_bodies *bodies, struct en_text key);
/* Those that nobody has added to for a while. */
void en_coap_bodies_expire(struct en_coap_bodies *bodies, uint64_t now_ms);
void en_coap_bodies_fini(struct en_coap_bodies *bodies);

#endif
