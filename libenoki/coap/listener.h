/*
 * listener.h - the inside of the CoAP listener: its thread, and the calls that wait.
 *
 * Threads  libcoap is used by the listener's own thread alone; what others hand over is under the
 *          mutex.
 */
#ifndef EN_COAP_LISTENER_H
#define EN_COAP_LISTENER_H

#include "base/buffer.h"
#include "coap/body.h"
#include "coap/psk.h"
#include "coap/taken.h"
#include "invoke/listener.h"

#include <coap3/coap.h>

#include <pthread.h>
#include <stdatomic.h>

struct en_listener_call {
    struct en_listener *listener;
    struct en_listener_call *previous, *next; /* all that wait; the thread's */
    struct en_listener_call *answered;        /* the next of those that were */
    coap_async_t *async;                      /* libcoap's, with which the answer is sent */
    coap_session_t *session;
    coap_mid_t mid;
    uint64_t serial;        /* of what remembers that it was taken */
    bool is_unacknowledged; /* the client shall be told, by the answer or */
    uint64_t acknowledge_at_ms;
    int status; /* 0: not answered yet */
    uint16_t format;
    struct en_buffer body;
};

struct en_listener {
    struct en_listener_options options;
    struct en_coap_keys *keys; /* NULL: no DTLS */
    coap_context_t *context;
    char address[128];
    pthread_t thread;
    int wake; /* eventfd */
    atomic_bool draining, ending;
    struct en_coap_bodies bodies;   /* of which a part is here */
    struct en_listener_call *calls; /* that wait */
    uint32_t call_count;
    uint32_t unacknowledged; /* of calls */
    struct en_coap_takens takens;
    pthread_mutex_t mutex;
    struct en_listener_call *answered; /* protected by mutex: newest first */
};

/* coap/calls.c: libcoap's handler of every request, also when an answer is there. */
void en_coap_on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
                        const coap_string_t *query, coap_pdu_t *response);
/* Acknowledges the requests whose answers take long; the time until the next look, in ms, or -1. */
int en_coap_acknowledge_due(struct en_listener *listener);
void en_coap_free_calls(struct en_listener *listener);

/* coap/message.c: what CoAP says as HTTP has it, and back. */
coap_pdu_code_t en_coap_code(int status);
/* "text/plain" as 0; -1: there is no number for it. */
int en_coap_format(const char *content_type, size_t len);
/* NULL: not known. */
const char *en_coap_type(unsigned format);
const char *en_coap_method(coap_pdu_code_t code);

struct en_coap_request {
    struct en_listener_request request;
    struct en_buffer texts; /* of function, path and query, one after the other */
    struct en_header header;
};

/* Paths and query of a request; en_buffer_fini(&out->texts) afterwards in any case. ENOKI_ENOMEM,
 * ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_coap_request_read(struct en_coap_request *out, const coap_pdu_t *pdu);

#endif
