/* Calls that wait, and their answers. A confirmable request is acknowledged by its answer if that
 * comes before the client would repeat itself, else by an empty message, and is answered in a
 * message of its own (RFC 7252, 5.2). Of a long answer this is the first block. */
#include "coap/listener.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A client repeats itself after 2 s or more (ACK_TIMEOUT), and the acknowledgement has to get there
 * before. Why not earlier: libcoap 4.3.1's client forgets what it has asked for when it gets an
 * empty one, and then cannot ask for the blocks that follow the first. */
#define ACKNOWLEDGE_MS 1500u

static void link_call(struct en_listener *listener, struct en_listener_call *call)
{
    call->previous = listener->last;
    if (listener->last != NULL)
        listener->last->next = call;
    else
        listener->calls = call;
    listener->last = call;
    if (listener->due == NULL)
        listener->due = call;
    listener->call_count++;
}

static void free_call(struct en_listener_call *call)
{
    struct en_listener *listener = call->listener;

    if (listener->due == call)
        listener->due = call->next;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        listener->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    else
        listener->last = call->previous;
    listener->call_count--;
    coap_session_release(call->session);
    en_buffer_fini(&call->body);
    free(call);
}

struct en_listener_call *en_coap_call_new(struct en_listener *listener, coap_session_t *session,
                                          const coap_pdu_t *pdu,
                                          const struct en_coap_request *request)
{
    coap_bin_const_t token = coap_pdu_get_token(pdu);
    struct en_listener_call *call;

    if (atomic_load(&listener->draining) || listener->call_count >= listener->options.max_calls ||
        token.length > sizeof(call->token))
        return NULL;
    call = calloc(1, sizeof(*call) + listener->name.len);
    if (call == NULL)
        return NULL;
    call->listener = listener;
    call->session = coap_session_reference(session);
    call->mid = coap_pdu_get_mid(pdu);
    call->token_len = token.length;
    if (token.length > 0)
        memcpy(call->token, token.s, token.length);
    call->is_confirmable = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
    call->is_unacknowledged = call->is_confirmable;
    call->acknowledge_at_ms = en_clock_ms() + ACKNOWLEDGE_MS;
    call->taken = en_coap_taken_add(&listener->takens, coap_session_get_addr_remote(session),
                                    call->mid, en_clock_ms());
    call->serial = call->taken->serial;
    call->upload = request->upload;
    call->wanted = request->wanted;
    call->unwanted = request->unwanted;
    call->body.max = listener->options.max_reply_bytes;
    call->name_len = listener->name.len;
    memcpy(call->name, listener->name.data, listener->name.len);
    link_call(listener, call);
    return call;
}

void en_coap_free_calls(struct en_listener *listener)
{
    while (listener->calls != NULL)
        free_call(listener->calls);
}

/* --- acknowledgements ---------------------------------------------------------------------------
 */

static void acknowledge(struct en_listener_call *call)
{
    coap_pdu_t *pdu;

    if (!call->is_unacknowledged)
        return;
    call->is_unacknowledged = false;
    pdu = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, call->mid, 0);
    if (pdu != NULL)
        (void)coap_send(call->session, pdu);
}

/* All wait for the same time: the oldest is the first. */
int en_coap_acknowledge_due(struct en_listener *listener)
{
    uint64_t now = listener->due == NULL ? 0 : en_clock_ms();

    while (listener->due != NULL && (!listener->due->is_unacknowledged ||
                                     listener->due->acknowledge_at_ms <= now)) {
        acknowledge(listener->due);
        listener->due = listener->due->next;
    }
    return listener->due == NULL ? -1 : (int)(listener->due->acknowledge_at_ms - now);
}

void en_coap_acknowledged(struct en_listener *listener, const struct en_coap_taken *taken)
{
    for (struct en_listener_call *call = listener->due; call != NULL; call = call->next) {
        if (call->serial == taken->serial)
            call->is_unacknowledged = false;
    }
}

/* Lets the answer acknowledge the request, if it is not yet, and if it can be given once more to
 * the request's repetition. */
static void acknowledge_by(struct en_listener_call *call, coap_pdu_t *pdu)
{
    if (call->is_unacknowledged && !en_coap_taken_keep(call->taken, call->serial, pdu))
        acknowledge(call);
    if (call->is_unacknowledged) {
        coap_pdu_set_type(pdu, COAP_MESSAGE_ACK);
        coap_pdu_set_mid(pdu, call->mid);
        call->is_unacknowledged = false;
    } else {
        coap_pdu_set_mid(pdu, coap_new_message_id(call->session));
    }
}

/* --- answers ------------------------------------------------------------------------------------
 */

static void send_answer(struct en_listener_call *call, const struct en_coap_answer *answer,
                        const struct en_coap_part *part)
{
    coap_pdu_t *pdu = coap_pdu_init(call->is_confirmable ? COAP_MESSAGE_CON : COAP_MESSAGE_NON,
                                    answer->code, 0, coap_session_max_pdu_size(call->session));

    if (pdu == NULL || coap_add_token(pdu, call->token_len, call->token) == 0) {
        coap_delete_pdu(pdu); /* the client asks again, or gives up */
        return;
    }
    en_coap_answer_put(pdu, answer, part, &call->upload);
    acknowledge_by(call, pdu);
    (void)coap_send(call->session, pdu);
}

void en_coap_call_end(struct en_listener_call *call)
{
    struct en_listener *listener = call->listener;
    const struct en_text name = {call->name, call->name_len};
    struct en_coap_answer answer = {.code = en_coap_code(call->status),
                                    .format = call->format,
                                    .is_busy = call->status == 503,
                                    .body = {call->body.data, call->body.len}};
    struct en_coap_part part;

    if ((call->unwanted >> (COAP_RESPONSE_CLASS(answer.code) - 1) & 1u) != 0) {
        acknowledge(call);
        free_call(call);
        return;
    }
    part = en_coap_answer_part(&answer, &call->wanted, coap_session_max_pdu_size(call->session));
    if (part.has_more || part.number > 0) {
        answer.tag = en_coap_answer_tag(&answer);
        /* Else the client is told later that it is not there. */
        if (en_coap_keep(&listener->keeps, name, &answer, &call->body, en_clock_ms()) &&
            !part.has_more)
            en_coap_kept_done(&listener->keeps);
    }
    send_answer(call, &answer, &part);
    free_call(call);
}
