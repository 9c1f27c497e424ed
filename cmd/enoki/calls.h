/*
 * calls.h - one call of a function over HTTP, gRPC or CoAP, as any client of a node makes it.
 *
 * HTTP and gRPC are transfers of libcurl (gRPC is HTTP/2 with a small frame and trailers), so that
 * many can run beside each other; CoAP is libcoap's.
 *
 * Memory   a call is borrowed until it is over; the outcome is the caller's.    Threads  one.
 * Errors   ENOKI_EUNAVAILABLE: nobody answers there; ENOKI_ETIMEOUT, ENOKI_ETLS, ENOKI_EPROTO,
 *          ENOKI_EINVAL: the call cannot be expressed in this protocol; ENOKI_ELIMIT, ENOKI_ENOMEM
 */
#ifndef CALLS_H
#define CALLS_H

#include "client.h"

struct call {
    const char *base; /* "http://127.0.0.1:8000" */
    const char *function;
    const char *method;
    const char *body;
    size_t len;
    const char **headers; /* "Name: value" */
    size_t header_count;
    bool is_async;
    long timeout_ms;
    const char *psk_file;     /* of coaps://; NULL: none */
    const struct client *tls; /* whose --ca, --cert and --key; NULL: none */
};

struct outcome {
    bool ok;
    char status[160]; /* in the protocol's words: "200", "2.05", "NOT_FOUND: no such function" */
    char *body;       /* NUL-terminated; NULL: none */
    size_t len;
    double connect_ms, first_ms, total_ms; /* since the start; 0: not known */
};

void outcome_fini(struct outcome *outcome);

/* --- HTTP and gRPC ------------------------------------------------------------------------------
 */

struct transfer;

ENOKI_MUST_CHECK int transfer_new(struct transfer **out, const struct call *call, bool is_grpc,
                                  struct enoki_error *err);
CURL *transfer_handle(const struct transfer *transfer);
/* What became of it. A handle may be run again afterwards, over HTTP on the same
 * connection. */
ENOKI_MUST_CHECK int transfer_finish(struct transfer *transfer, CURLcode code, struct outcome *out,
                                     struct enoki_error *err);
void transfer_free(struct transfer *transfer);

/* --- gRPC's part of it --------------------------------------------------------------------------
 */

#define GRPC_PATH "/openfogstack.tinyfaas.tinyfaas.TinyFaaS/Request"

struct grpc_end {
    int status; /* -1: none came */
    char message[256];
};

/* The message in its frame; free() it. NULL: no memory. */
char *grpc_wrap(const struct call *call, size_t *len_out);
/* A line of the answer's head or of its trailers. */
void grpc_read_header(struct grpc_end *end, const char *line, size_t len);
/* The answer's body becomes the function's. */
ENOKI_MUST_CHECK int grpc_unwrap(const struct grpc_end *end, struct outcome *outcome,
                                 struct enoki_error *err);

/* --- CoAP ---------------------------------------------------------------------------------------
 */

ENOKI_MUST_CHECK int coap_call(const struct call *call, struct outcome *out,
                               struct enoki_error *err);

/* --- many ---------------------------------------------------------------------------------------
 */

struct load_options {
    unsigned long count, concurrency;
    bool is_grpc;
};

/* Makes the call so often, and prints how it went. The exit status. */
int load_run(const struct call *call, const struct load_options *options);

#endif
