/*
 * listener.h - the inside of the CoAP listener: its thread, and the calls that wait.
 *
 * Threads  libcoap is used by the listener's own thread alone; what others hand over is under the
 *          mutex.
 */
#ifndef EN_COAP_LISTENER_H
#define EN_COAP_LISTENER_H

#include "base/buffer.h"
#include "coap/answer.h"
#include "coap/body.h"
#include "coap/kept.h"
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
    coap_session_t *session;                  /* held */
    coap_mid_t mid;
    size_t token_len;
    uint8_t token[8];
    bool is_confirmable;
    bool is_unacknowledged; /* the client shall be told, by the answer or */
    uint64_t acknowledge_at_ms;
    struct en_coap_taken *taken; /* remembers that it was, while its serial is this: */
    uint64_t serial;
    struct en_coap_part upload; /* the last block of its body */
    struct en_coap_part wanted; /* of its answer */
    unsigned unwanted;          /* classes of answers: en_coap_request */
    int status;                 /* 0: not answered yet */
    uint16_t format;
    struct en_buffer body;
    size_t name_len;
    char name[]; /* en_coap_request_name() */
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
    struct en_coap_keeps keeps;     /* answers of which a part was sent */
    uint64_t expire_at_ms;          /* when to look at them next */
    struct en_listener_call *calls; /* that wait, the oldest first */
    struct en_listener_call *last;  /* of calls */
    struct en_listener_call *due;   /* the first of calls that may be unacknowledged */
    uint32_t call_count;
    struct en_coap_takens takens;
    struct en_buffer name; /* of the request that is looked at */
    pthread_mutex_t mutex;
    struct en_listener_call *answered; /* protected by mutex: newest first */
};

/* coap/requests.c: libcoap's handler of every request. */
void en_coap_on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
                        const coap_string_t *query, coap_pdu_t *response);

struct en_coap_request {
    struct en_listener_request request;
    struct en_buffer texts; /* of function, path and query, one after the other */
    struct en_header header;
    struct en_coap_part upload, wanted; /* Block1, Block2 */
    unsigned unwanted;                  /* a bit for each class of answers, 2.xx the second */
};

/* coap/calls.c: NULL: there are too many, or no memory. The listener's name is the request's. */
struct en_listener_call *en_coap_call_new(struct en_listener *listener, coap_session_t *session,
                                          const coap_pdu_t *pdu,
                                          const struct en_coap_request *request);
/* Sends its answer, and frees it. */
void en_coap_call_end(struct en_listener_call *call);
/* Acknowledges the requests whose answers take long; the time until the next one, in ms, or -1. */
int en_coap_acknowledge_due(struct en_listener *listener);
/* The client repeats itself, and the response to that acknowledges its request. */
void en_coap_acknowledged(struct en_listener *listener, const struct en_coap_taken *taken);
void en_coap_free_calls(struct en_listener *listener);

/* coap/message.c: what CoAP says as HTTP has it, and back. */
coap_pdu_code_t en_coap_code(int status);
/* "text/plain" as 0; -1: there is no number for it. */
int en_coap_format(const char *content_type, size_t len);
/* NULL: not known. */
const char *en_coap_type(unsigned format);
const char *en_coap_method(coap_pdu_code_t code);

/* Paths, query and blocks of a request; en_buffer_fini(&out->texts) afterwards in any case.
 * ENOKI_ENOMEM, ENOKI_ELIMIT; ENOKI_EINVAL: a block that is none */
ENOKI_MUST_CHECK int en_coap_request_read(struct en_coap_request *out, const coap_pdu_t *pdu);
/* Appends who asks for what: this tells apart what comes and goes in blocks at once. ENOKI_ENOMEM,
 * ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_coap_request_name(struct en_buffer *out, const coap_session_t *session,
                                          const coap_pdu_t *pdu,
                                          const struct en_coap_request *request);

#endif
