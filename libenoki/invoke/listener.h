/*
 * listener.h - the seam of the protocols that are not HTTP: gRPC and CoAP, each a module of the
 * library (base/module.h: "grpc", "coap"), because few need them and what is behind them is large.
 *
 *   const struct en_module *module;
 *   en_module_load(&module, "coap", &err);
 *   ops = (const struct en_listener_ops *)module;
 *   ops->start(&listener, &options, &err);      from now on options.call is called
 *   ops->answer(call, &answer);                 once for each
 *   ops->drain(listener);                       new calls are refused
 *   ops->stop(listener);
 *
 * A listener reads calls off its socket and maps an answer's HTTP status to its protocol's; it
 * knows nothing of functions. It runs in threads of its own.
 *
 * Memory   What call() gets is borrowed until it returns. What answer() gets likewise.
 * Fork     after: a process that has loaded such a module must not fork workers.
 */
#ifndef EN_LISTENER_H
#define EN_LISTENER_H

#include "base/module.h"
#include "wire/message.h"

#include <stdbool.h>

struct en_listener;
struct en_listener_call; /* one that waits for its answer */

struct en_listener_request {
    struct en_text function; /* its name, not looked at */
    struct en_text subpath;  /* "" or "/what/follows" */
    struct en_text query;
    struct en_text method; /* as HTTP has it: "POST", ... */
    struct en_text body;
    const struct en_header *headers; /* at most EN_HEADERS_MAX; legal as HTTP headers */
    size_t header_count;
    uint64_t timeout_ms; /* what the caller waits; 0: he did not say */
    bool is_async;
    bool is_check; /* no call: answer 200 if the function takes calls, 503 if not now, 404 never */
    uint64_t id;   /* what gone() says; no other call of this listener has it */
};

struct en_listener_answer {
    int status;                  /* as HTTP has it */
    struct en_text content_type; /* "": not given */
    struct en_text body;
    bool was_refused; /* the function did not run: it is unknown, or there was no room */
    bool is_overload; /* with 503: there was no room, later there may be */
};

/* Its texts are borrowed until stop(). */
struct en_listener_options {
    const char *address; /* "ADDRESS:PORT", port 0: any; numeric, IPv6 in brackets */
    /* Files, PEM; NULL: no TLS. With ca, clients must have a certificate of it. */
    const char *certificate;
    const char *key;
    const char *ca;
    const char *psk; /* CoAP: file of "IDENTITY:HEXKEY" lines, DTLS-PSK; NULL: none */
    size_t max_header_bytes;
    size_t max_body_bytes;
    size_t max_reply_bytes;
    uint32_t max_calls; /* that wait for answers at once; more are refused as overload */
    /* A thread of the listener's; must not block. */
    void (*call)(void *context, struct en_listener_call *call,
                 const struct en_listener_request *request);
    /* Optional; the same thread. Nobody waits for that call any more: it must be answered all the
     * same, and may be soon. It may have been answered meanwhile. */
    void (*gone)(void *context, uint64_t id);
    void *context;
};

struct en_listener_ops {
    struct en_module module; /* first */
    /* "grpc", "coap", and with certificate or psk another: of its ready line. */
    const char *(*scheme)(const struct en_listener *listener);
    /* ENOKI_EINVAL (address), ENOKI_EIO (in use; TLS material that cannot be used), ENOKI_ENOMEM */
    int (*start)(struct en_listener **out, const struct en_listener_options *options,
                 struct enoki_error *err);
    /* "ADDRESS:PORT" with the real port. */
    const char *(*address)(const struct en_listener *listener);
    /* Any thread; consumes the call. Cannot fail: who is gone gets nothing. */
    void (*answer)(struct en_listener_call *call, const struct en_listener_answer *answer);
    /* New calls are refused from now on; those that run are answered. */
    void (*drain)(struct en_listener *listener);
    /* Waits (at most 1 s) until the answers that were given are sent, ends the threads, frees.
     * Calls that were not answered are dropped; answer() for them is no longer allowed. */
    void (*stop)(struct en_listener *listener);
};

#endif
