/*
 * link.h - a worker's end of the relay: one connection, one call on it at a time.
 *
 * Threads  any thread; calls wait for each other.
 * Fork     after.
 */
#ifndef EN_RELAY_LINK_H
#define EN_RELAY_LINK_H

#include "net/exchange.h"
#include "state/relay/calls.h"

#include <pthread.h>
#include <sys/types.h>

struct en_relay_link {
    struct en_exchange exchange;
    pid_t pid;
    pthread_mutex_t lock;
    uint64_t next_call;
};

/* where is the number of a door or of a connected stream socket. ENOKI_EINVAL, ENOKI_EIO,
 * ENOKI_ECLOSED */
ENOKI_MUST_CHECK int en_relay_link_init(struct en_relay_link *link, const char *where,
                                        struct enoki_error *err);
void en_relay_link_fini(struct en_relay_link *link);

/* A call while it goes on; from begin to end others wait, as long as their own deadlines let them.
 */
struct en_relay_call {
    struct en_relay_link *link;
    size_t at;
    uint64_t id;
    uint64_t end_ms;
    int rc;
    bool has_link;
    bool has_answer;
    bool is_lost;              /* the whole of it was sent, and nothing came back */
    struct en_frame_head head; /* of the answer */
};

void en_relay_begin(struct en_relay_call *call, struct en_relay_link *link, enum en_frame_type type,
                    uint64_t deadline_ms);
/* Fields; a failure shows in en_relay_ask(). */
void en_relay_put(struct en_relay_call *call, const void *bytes, size_t len);
void en_relay_put_u8(struct en_relay_call *call, uint8_t value);

/*
 * Sends, and waits for an answer of the wanted type: its payload is borrowed until the call ends.
 * Else what the other side says is wrong, or ENOKI_ECLOSED (it is gone), ENOKI_ETIMEOUT,
 * ENOKI_EPROTO, ENOKI_ENOMEM.
 */
ENOKI_MUST_CHECK int en_relay_ask(struct en_relay_call *call, enum en_frame_type wanted,
                                  struct enoki_error *err);
const char *en_relay_payload(const struct en_relay_call *call);
void en_relay_end(struct en_relay_call *call);

#endif
