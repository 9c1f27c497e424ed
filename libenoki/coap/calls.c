/* Requests and their answers. A confirmable request is acknowledged by its answer if that comes
 * soon, else by an empty message, so that a client does not repeat a call that takes long, and is
 * answered in a message of its own (RFC 7252, 5.2). Of a long answer this is the first block:
 * libcoap's own client puts blocks together only if the first one came with the acknowledgement. */
#include "coap/endpoint.h"
#include "coap/listener.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define MAX_AGE_BUSY_S 1
#define NO_MAX_AGE (-1)
#define KEY_MAX_BYTES 131072u
#define ACKNOWLEDGE_MS 100u /* well before a client repeats itself: 2 s */
#define LOOK_MS 20          /* how exact that is */

/* --- calls that wait ----------------------------------------------------------------------------
 */

static void free_call(struct en_listener_call *call)
{
    struct en_listener *listener = call->listener;

    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        listener->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    listener->call_count--;
    en_buffer_fini(&call->body);
    free(call);
}

static struct en_listener_call *new_call(struct en_listener *listener, coap_session_t *session,
                                         const coap_pdu_t *pdu)
{
    struct en_listener_call *call;

    if (atomic_load(&listener->draining) || listener->call_count >= listener->options.max_calls)
        return NULL;
    call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->async = coap_register_async(session, pdu, 0);
    if (call->async == NULL) {
        free(call);
        return NULL;
    }
    coap_async_set_app_data(call->async, call);
    call->listener = listener;
    call->session = session; /* async holds it */
    call->mid = coap_pdu_get_mid(pdu);
    call->body.max = listener->options.max_reply_bytes;
    call->next = listener->calls;
    if (listener->calls != NULL)
        listener->calls->previous = call;
    listener->calls = call;
    listener->call_count++;
    return call;
}

void en_coap_free_calls(struct en_listener *listener)
{
    while (listener->calls != NULL)
        free_call(listener->calls);
}

static void acknowledge(struct en_listener_call *call)
{
    coap_pdu_t *pdu;

    if (!call->is_unacknowledged)
        return;
    call->is_unacknowledged = false;
    call->listener->unacknowledged--;
    pdu = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, call->mid, 0);
    if (pdu != NULL)
        (void)coap_send(call->session, pdu);
}

int en_coap_acknowledge_due(struct en_listener *listener)
{
    uint64_t now = en_clock_ms();

    if (listener->unacknowledged == 0)
        return -1;
    for (struct en_listener_call *call = listener->calls; call != NULL; call = call->next) {
        if (call->is_unacknowledged && call->acknowledge_at_ms <= now)
            acknowledge(call);
    }
    return listener->unacknowledged > 0 ? LOOK_MS : -1;
}

/* --- answers ------------------------------------------------------------------------------------
 */

static void release_body(coap_session_t *session, void *body)
{
    (void)session;
    free(body);
}

static void put_head(coap_pdu_t *response, int status, uint16_t format, size_t len)
{
    uint8_t bytes[4];

    coap_pdu_set_code(response, en_coap_code(status));
    /* libcoap adds the format itself only to answers in blocks. Of nothing: text, as the originals
     * have it. */
    if (status < 300)
        (void)coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
                              len == 0 ? 0 : coap_encode_var_safe(bytes, sizeof(bytes), format),
                              bytes);
}

/* Lets the answer acknowledge the request, if it is not yet, and if it can be given once more to
 * the request's repetition. */
static void acknowledge_by(struct en_listener_call *call, coap_pdu_t *response)
{
    struct en_listener *listener = call->listener;
    struct en_coap_taken *taken;

    if (!call->is_unacknowledged)
        return;
    taken = en_coap_taken_find(&listener->takens, coap_session_get_addr_remote(call->session),
                               call->mid, en_clock_ms());
    if (!en_coap_taken_keep(taken, call->serial, response)) {
        acknowledge(call);
        return;
    }
    coap_pdu_set_type(response, COAP_MESSAGE_ACK);
    coap_pdu_set_mid(response, call->mid);
    call->is_unacknowledged = false;
    listener->unacknowledged--;
}

/* Once it is there: the response is made as one of its own. */
static void send_answer(struct en_listener_call *call, coap_resource_t *resource,
                        coap_session_t *session, const coap_pdu_t *request,
                        const coap_string_t *query, coap_pdu_t *response)
{
    put_head(response, call->status, call->format, call->body.len);
    if (call->body.len > 0) {
        /* libcoap sends it block by block, and frees it, also if it fails. */
        (void)coap_add_data_large_response(
            resource, session, request, response, query, call->format,
            call->status == 503 ? MAX_AGE_BUSY_S : NO_MAX_AGE, 0, call->body.len,
            (const uint8_t *)call->body.data, release_body, call->body.data);
        memset(&call->body, 0, sizeof(call->body));
    }
    acknowledge_by(call, response);
}

static void refuse(coap_pdu_t *response, coap_pdu_code_t code, const char *why)
{
    coap_pdu_set_code(response, code);
    (void)coap_add_data(response, strlen(why), (const uint8_t *)why);
}

/* --- requests -----------------------------------------------------------------------------------
 */

/* Who sends a body, and to where: this tells bodies from one another that come at once. */
static int name_body(struct en_buffer *key, const coap_session_t *session, const coap_pdu_t *pdu,
                     const struct en_coap_request *request)
{
    coap_opt_iterator_t iterator;
    coap_opt_t *tag = coap_check_option(pdu, COAP_OPTION_RTAG, &iterator);
    char peer[128];
    int rc;

    en_coap_address_format(coap_session_get_addr_remote(session), peer, sizeof(peer));
    rc = en_buffer_appendf(key, "%s %s ", peer, request->request.method.data);
    if (rc == 0)
        rc = en_buffer_append(key, request->texts.data, request->texts.len);
    if (rc == 0 && tag != NULL)
        rc = en_buffer_append(key, coap_opt_value(tag), coap_opt_length(tag));
    return rc;
}

/* An empty response that cannot be confirmed is not sent: the acknowledgement waits. */
static void hold_acknowledgement(struct en_listener_call *call, const coap_pdu_t *pdu,
                                 coap_pdu_t *response)
{
    if (coap_pdu_get_type(pdu) != COAP_MESSAGE_CON)
        return;
    coap_pdu_set_type(response, COAP_MESSAGE_NON);
    call->is_unacknowledged = true;
    call->acknowledge_at_ms = en_clock_ms() + ACKNOWLEDGE_MS;
    call->listener->unacknowledged++;
}

static void hand_over(struct en_listener *listener, coap_session_t *session, const coap_pdu_t *pdu,
                      coap_pdu_t *response, const struct en_listener_request *request)
{
    const coap_address_t *peer = coap_session_get_addr_remote(session);
    coap_mid_t mid = coap_pdu_get_mid(pdu);
    const struct en_coap_taken *taken =
        en_coap_taken_find(&listener->takens, peer, mid, en_clock_ms());
    struct en_listener_call *call;

    /* Without an answer that is kept, the empty response acknowledges it again: its answer is on
     * its way, and is repeated until the client has it. */
    if (taken != NULL)
        en_coap_taken_repeat(taken, response);
    else if (request->body.len > listener->options.max_body_bytes)
        refuse(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE, "the body is too long");
    else if ((call = new_call(listener, session, pdu)) != NULL) {
        call->serial = en_coap_taken_add(&listener->takens, peer, mid, en_clock_ms());
        hold_acknowledgement(call, pdu, response);
        listener->options.call(listener->options.context, call, request);
    } else
        refuse(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE,
               "too many calls are waiting: try again later");
}

/* One block of a body: the last one makes it a call. */
static void take_block(struct en_listener *listener, coap_session_t *session,
                       const coap_pdu_t *pdu, coap_pdu_t *response, const coap_block_t *block,
                       struct en_coap_request *request)
{
    struct en_buffer key = EN_BUFFER_INIT(KEY_MAX_BYTES);
    size_t offset = (size_t)block->num << (block->szx + 4);
    enum en_coap_block state = EN_COAP_BODY_NO_MEMORY;
    struct en_text name;

    en_coap_bodies_expire(&listener->bodies, en_clock_ms());
    if (name_body(&key, session, pdu, request) == 0) {
        name = (struct en_text){key.data, key.len};
        state = en_coap_body_add(&listener->bodies, name, offset, block->m != 0,
                                 request->request.body, &request->request.body);
        if (state == EN_COAP_BODY_WHOLE) {
            hand_over(listener, session, pdu, response, &request->request);
            en_coap_body_drop(&listener->bodies, name);
        }
    }
    if (state == EN_COAP_BODY_MORE)
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTINUE);
    else if (state == EN_COAP_BODY_TOO_LONG)
        refuse(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE, "the body is too long");
    else if (state == EN_COAP_BODY_INCOMPLETE)
        refuse(response, COAP_RESPONSE_CODE_INCOMPLETE, "a block before this one is missing");
    else if (state == EN_COAP_BODY_NO_MEMORY)
        refuse(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE,
               "no memory for this call: try again later");
    en_buffer_fini(&key);
}

static void begin(struct en_listener *listener, coap_session_t *session, const coap_pdu_t *pdu,
                  coap_pdu_t *response)
{
    struct en_coap_request request;
    coap_block_t block;

    if (en_coap_request_read(&request, pdu) != 0)
        refuse(response, COAP_RESPONSE_CODE_BAD_REQUEST, "path and query are too long");
    else if (coap_get_block(pdu, COAP_OPTION_BLOCK1, &block) != 0)
        take_block(listener, session, pdu, response, &block, &request);
    else
        hand_over(listener, session, pdu, response, &request.request);
    en_buffer_fini(&request.texts);
}

void en_coap_on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
                        const coap_string_t *query, coap_pdu_t *response)
{
    struct en_listener *listener = coap_get_app_data(coap_session_get_context(session));
    coap_async_t *async = coap_find_async(session, coap_pdu_get_token(pdu));
    struct en_listener_call *call = async == NULL ? NULL : coap_async_get_app_data(async);

    if (async == NULL) {
        begin(listener, session, pdu, response);
    } else if (call->status != 0) {
        send_answer(call, resource, session, pdu, query, response);
        free_call(call); /* libcoap, which calls this when the answer was given, frees async */
    }
    /* Else the client repeats itself: it is told again that its request has come. */
}
