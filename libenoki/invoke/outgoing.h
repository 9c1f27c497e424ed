/*
 * outgoing.h - the calls that one instance of a function makes to others: connections that are kept
 * from call to call, and the way for a name.
 *
 * Threads  any thread.    Fork  after: in a child its parent's connections are let go.
 */
#ifndef EN_OUTGOING_H
#define EN_OUTGOING_H

#include "invoke/answer.h"
#include "invoke/remote.h"

#include <enoki/config.h>

struct en_outgoing;

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_outgoing_new(struct en_outgoing **out);
/* No call is open. NULL is allowed. */
void en_outgoing_free(struct en_outgoing *outgoing);

/* Random bytes, from the system by and by. ENOKI_EIO */
ENOKI_MUST_CHECK int en_outgoing_random(struct en_outgoing *outgoing, uint8_t *out, size_t len);

/* One call, checked. */
struct en_outgoing_call {
    const char *function;
    struct en_text method, subpath, query, body;
    const struct en_header *headers; /* at most EN_HEADERS_MAX; legal as HTTP headers */
    size_t header_count;
    uint64_t end_ms; /* monotonic */
    bool is_async;
};

/* Over a Unix socket: routes is ENOKI_ROUTES_FD's number. As enoki_call_invoke(). */
ENOKI_MUST_CHECK int en_outgoing_local(struct en_outgoing *outgoing, int routes,
                                       const struct en_outgoing_call *call,
                                       struct enoki_answer **out, struct enoki_error *err);

/* Over HTTP: url is where the function is, ca a file of CAs for https, or NULL: the system's. As
 * enoki_call_invoke(). */
ENOKI_MUST_CHECK int en_outgoing_remote(struct en_outgoing *outgoing, const char *url,
                                        const char *ca, const struct en_outgoing_call *call,
                                        struct enoki_answer **out, struct enoki_error *err);

#endif
