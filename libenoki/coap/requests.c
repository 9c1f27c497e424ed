/* Requests: calls, parts of bodies, and further blocks of answers. */
#include "coap/listener.h"

#include "base/clock.h"

#include <string.h>

#define NAME_MAX_BYTES 131072u
#define NAME_KEPT_BYTES 4096u

static void refuse(coap_pdu_t *response, coap_pdu_code_t code, const char *why)
{
    coap_pdu_set_code(response, code);
    (void)coap_add_data(response, strlen(why), (const uint8_t *)why);
}

/* The same message once more. Without an answer that is kept, the empty response acknowledges it
 * again: its answer is on its way, and is repeated until the client has it. */
static void repeat(struct en_listener *listener, const struct en_coap_taken *taken,
                   coap_pdu_t *response)
{
    en_coap_acknowledged(listener, taken);
    en_coap_taken_repeat(taken, response);
}

static void hand_over(struct en_listener *listener, coap_session_t *session, const coap_pdu_t *pdu,
                      coap_pdu_t *response, const struct en_coap_request *request)
{
    struct en_listener_call *call;

    if (request->request.body.len > listener->options.max_body_bytes) {
        refuse(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE, "the body is too long");
        return;
    }
    call = en_coap_call_new(listener, session, pdu, request);
    if (call == NULL) {
        refuse(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE,
               "too many calls are waiting: try again later");
        return;
    }
    /* An empty response that cannot be confirmed is not sent: the acknowledgement waits. */
    coap_pdu_set_type(response, COAP_MESSAGE_NON);
    listener->options.call(listener->options.context, call, &request->request);
}

/* One block of a body: the last one makes it a call. */
static void take_block(struct en_listener *listener, coap_session_t *session,
                       const coap_pdu_t *pdu, coap_pdu_t *response, struct en_text name,
                       struct en_coap_request *request)
{
    const struct en_coap_part *part = &request->upload;

    switch (en_coap_body_add(&listener->bodies, name, en_coap_part_offset(part), part->has_more,
                             request->request.body, &request->request.body)) {
    case EN_COAP_BODY_WHOLE:
        hand_over(listener, session, pdu, response, request);
        en_coap_body_drop(&listener->bodies, name);
        break;
    case EN_COAP_BODY_MORE:
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTINUE);
        (void)en_coap_part_add(response, COAP_OPTION_BLOCK1, part);
        break;
    case EN_COAP_BODY_TOO_LONG:
        refuse(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE, "the body is too long");
        break;
    case EN_COAP_BODY_INCOMPLETE:
        refuse(response, COAP_RESPONSE_CODE_INCOMPLETE, "a block before this one is missing");
        break;
    case EN_COAP_BODY_NO_MEMORY:
        refuse(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE,
               "no memory for this call: try again later");
        break;
    }
}

/* A further block of an answer. If that is not there any more, only GET begins anew: it is safe to
 * run twice, and may ask for any block (RFC 7959, 2.4). The others have a body that did not come
 * with this message, and what they have changed they would change once more. */
static void give_block(struct en_listener *listener, coap_session_t *session,
                       const coap_pdu_t *pdu, coap_pdu_t *response, struct en_text name,
                       const struct en_coap_request *request)
{
    const struct en_coap_part none = {.is_given = false};
    const struct en_coap_answer *answer = en_coap_kept_find(&listener->keeps, name, en_clock_ms());
    struct en_coap_part part;

    if (answer == NULL && coap_pdu_get_code(pdu) == COAP_REQUEST_CODE_GET) {
        hand_over(listener, session, pdu, response, request);
    } else if (answer == NULL) {
        refuse(response, COAP_RESPONSE_CODE_INCOMPLETE,
               "the answer is not kept any longer: ask again from its first block");
    } else {
        part = en_coap_answer_part(answer, &request->wanted, coap_session_max_pdu_size(session));
        en_coap_answer_put(response, answer, &part, &none);
        if (!part.has_more)
            en_coap_kept_done(&listener->keeps);
    }
}

static void begin(struct en_listener *listener, coap_session_t *session, const coap_pdu_t *pdu,
                  coap_pdu_t *response, struct en_coap_request *request)
{
    struct en_text name;
    int rc = en_coap_request_read(request, pdu);

    en_buffer_clear(&listener->name, NAME_KEPT_BYTES);
    listener->name.max = NAME_MAX_BYTES;
    if (rc == 0)
        rc = en_coap_request_name(&listener->name, session, pdu, request);
    name = (struct en_text){listener->name.data, listener->name.len};
    if (rc == ENOKI_EINVAL)
        refuse(response, COAP_RESPONSE_CODE_BAD_REQUEST,
               "a block has at most 1024 bytes, and a number of 20 bits");
    else if (rc != 0)
        refuse(response, COAP_RESPONSE_CODE_BAD_REQUEST, "path and query are too long");
    else if (request->upload.is_given)
        take_block(listener, session, pdu, response, name, request);
    else if (request->wanted.number > 0)
        give_block(listener, session, pdu, response, name, request);
    else
        hand_over(listener, session, pdu, response, request);
}

void en_coap_on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
                        const coap_string_t *query, coap_pdu_t *response)
{
    struct en_listener *listener = coap_get_app_data(coap_session_get_context(session));
    const struct en_coap_taken *taken =
        en_coap_taken_find(&listener->takens, coap_session_get_addr_remote(session),
                           coap_pdu_get_mid(pdu), en_clock_ms());
    struct en_coap_request request;

    (void)resource;
    (void)query;
    if (taken != NULL) {
        repeat(listener, taken, response);
        return;
    }
    begin(listener, session, pdu, response, &request);
    en_buffer_fini(&request.texts);
}
