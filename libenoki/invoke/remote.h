/*
 * remote.h - the seam of calls to functions of other nodes, over HTTP: a module of the library
 * (base/module.h: "remote"), because few need it and an HTTP client is large.
 *
 * Threads  a client is used by one thread at a time.    Fork  after.
 */
#ifndef EN_REMOTE_H
#define EN_REMOTE_H

#include "base/module.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

struct en_remote; /* a client with connections that it keeps */
struct enoki_answer;

struct en_remote_call {
    const char *url; /* of the function, without query */
    const char *ca;  /* file of CAs for https; NULL: the system's */
    const char *method;
    struct en_text subpath, query, body;
    const struct en_header *headers; /* legal as HTTP headers */
    size_t header_count;
    uint64_t timeout_ms;
};

struct en_remote_ops {
    struct en_module module; /* first */
    /* ENOKI_ENOMEM, ENOKI_EIO */
    int (*open)(struct en_remote **out, struct enoki_error *err);
    /* *out is owned by the caller. ENOKI_ETIMEOUT, ENOKI_EUNAVAILABLE, ENOKI_EPROTO, ENOKI_ETLS,
     * ENOKI_ELIMIT (an answer that is too long), ENOKI_EINVAL (the URL), ENOKI_ENOMEM */
    int (*call)(struct en_remote *remote, const struct en_remote_call *call,
                struct enoki_answer **out, struct enoki_error *err);
    void (*close)(struct en_remote *remote);
};

#endif
