#include "call_psk.h"
#include "calls.h"

#include <coap3/coap.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLY_MAX_BYTES (16u << 20)
#define LOOK_MS 100u

struct exchange {
    struct outcome *out;
    bool is_done, failed;
    uint64_t started_us;
};

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent,
                                   const coap_pdu_t *received, coap_mid_t mid)
{
    struct exchange *exchange = coap_session_get_app_data(session);
    struct outcome *out = exchange->out;
    coap_pdu_code_t code = coap_pdu_get_code(received);
    const uint8_t *data;
    size_t len = 0, offset, total;

    (void)sent;
    (void)mid;
    if (exchange->is_done)
        return COAP_RESPONSE_OK;
    exchange->is_done = true;
    out->first_ms = (double)(now_us() - exchange->started_us) / 1000;
    out->ok = COAP_RESPONSE_CLASS(code) == 2;
    (void)snprintf(out->status, sizeof(out->status), "%d.%02d", COAP_RESPONSE_CLASS(code),
                   code & 0x1f);
    if (coap_get_data_large(received, &len, &data, &offset, &total) == 0)
        len = 0;
    out->body = malloc(len + 1);
    if (out->body == NULL) {
        exchange->failed = true;
        return COAP_RESPONSE_OK;
    }
    if (len > 0)
        memcpy(out->body, data, len);
    out->body[len] = '\0';
    out->len = len;
    return COAP_RESPONSE_OK;
}

static void on_lost(coap_session_t *session, const coap_pdu_t *sent,
                    const coap_nack_reason_t reason, const coap_mid_t mid)
{
    struct exchange *exchange = coap_session_get_app_data(session);

    (void)sent;
    (void)reason;
    (void)mid;
    exchange->is_done = true;
    exchange->failed = true;
}

static int code_of(const char *method)
{
    static const char *const methods[] = {"GET",   "POST",  "PUT",   "DELETE",
                                          "FETCH", "PATCH", "IPATCH"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(methods[i], method) == 0)
            return (int)i + 1;
    }
    return 0;
}

/* "coap://HOST:PORT"; an IPv6 address stands in brackets. */
static int resolve(const char *base, coap_address_t *address, struct enoki_error *err)
{
    const char *host = strstr(base, "://"), *colon;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
    char name[256];
    size_t len;
    int rc;

    host = host == NULL ? base : host + 3;
    colon = strrchr(host, ':');
    if (colon == NULL || colon == host || (host[0] == '[' && colon[-1] != ']'))
        colon = host + strlen(host);
    len = (size_t)(colon - host);
    if (host[0] == '[' && len > 2) {
        host++;
        len -= 2;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(len < 255 ? len : 255), host);
    rc = getaddrinfo(name,
                     colon[0] != '\0'                  ? colon + 1
                     : strncmp(base, "coaps:", 6) == 0 ? "5684"
                                                       : "5683",
                     &hints, &found);
    if (rc != 0)
        return enoki_error_set(err, ENOKI_EUNAVAILABLE, "%.200s: %s", base, gai_strerror(rc));
    coap_address_init(address);
    address->size = found->ai_addrlen;
    memcpy(&address->addr, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

/* Observe, to stop what nobody has begun: servers skip it. libcoap 4.3.1 keeps what has it until it
 * is answered; what else it asks for it forgets once that is acknowledged, and with it how to ask
 * for the further blocks of a long answer. */
static bool add_observe(coap_pdu_t *pdu)
{
    static const uint8_t stop = COAP_OBSERVE_CANCEL;

    return coap_add_option(pdu, COAP_OPTION_OBSERVE, sizeof(stop), &stop) != 0;
}

static coap_pdu_t *make_request(coap_session_t *session, const struct call *call)
{
    coap_pdu_t *pdu =
        coap_new_pdu(COAP_MESSAGE_CON, (coap_pdu_code_t)code_of(call->method), session);
    uint8_t token[8];
    size_t token_len;

    if (pdu == NULL)
        return NULL;
    coap_session_new_token(session, &token_len, token);
    if (coap_add_token(pdu, token_len, token) == 0 || !add_observe(pdu) ||
        coap_add_option(pdu, COAP_OPTION_URI_PATH, strlen(call->function),
                        (const uint8_t *)call->function) == 0 ||
        (call->is_async &&
         coap_add_option(pdu, COAP_OPTION_URI_QUERY, 5, (const uint8_t *)"async") == 0) ||
        (call->len > 0 &&
         coap_add_data_large_request(session, pdu, call->len, (const uint8_t *)call->body, NULL,
                                     NULL) == 0)) {
        coap_delete_pdu(pdu);
        return NULL;
    }
    return pdu;
}

static int exchange_with(coap_context_t *context, coap_session_t *session, const struct call *call,
                         struct exchange *exchange, struct enoki_error *err)
{
    coap_pdu_t *pdu = make_request(session, call);
    uint64_t limit_us = (uint64_t)call->timeout_ms * 1000u;

    exchange->started_us = now_us();
    if (pdu == NULL || coap_send(session, pdu) == COAP_INVALID_MID)
        return enoki_error_set(err, ENOKI_EUNAVAILABLE, "nothing answers at %.200s", call->base);
    while (!exchange->is_done) {
        if (now_us() - exchange->started_us > limit_us)
            return enoki_error_set(err, ENOKI_ETIMEOUT, "%.200s did not answer in time",
                                   call->base);
        if (coap_io_process(context, LOOK_MS) < 0)
            return enoki_error_set(err, ENOKI_EIO, "%.200s: %s", call->base,
                                   strerrordesc_np(errno));
    }
    if (exchange->failed)
        return enoki_error_set(err, ENOKI_EUNAVAILABLE, "nothing answers at %.200s", call->base);
    exchange->out->total_ms = (double)(now_us() - exchange->started_us) / 1000;
    return 0;
}

static bool is_secure(const struct call *call)
{
    return strncmp(call->base, "coaps:", 6) == 0;
}

static int check(const struct call *call, struct enoki_error *err)
{
    if (is_secure(call) && call->psk_file == NULL)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "%.200s wants a shared key: give its file with --psk", call->base);
    if (call->header_count > 0)
        return enoki_error_set(err, ENOKI_EINVAL, "CoAP has no headers: leave -H out");
    if (code_of(call->method) == 0)
        return enoki_error_set(
            err, ENOKI_EINVAL,
            "CoAP has no method '%.20s'; allowed: GET, POST, PUT, DELETE, FETCH, "
            "PATCH, IPATCH",
            call->method);
    return 0;
}

/* psk is borrowed until the session ends. NULL: it cannot be opened. */
static coap_session_t *open_session(coap_context_t *context, const struct call *call,
                                    const coap_address_t *address, const struct call_psk *psk)
{
    coap_dtls_cpsk_t setup = {.version = COAP_DTLS_CPSK_SETUP_VERSION};

    coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
    coap_register_response_handler(context, on_response);
    coap_register_nack_handler(context, on_lost);
    if (!is_secure(call))
        return coap_new_client_session(context, NULL, address, COAP_PROTO_UDP);
    setup.psk_info.identity.s = (const uint8_t *)psk->identity;
    setup.psk_info.identity.length = strlen(psk->identity);
    setup.psk_info.key.s = psk->key;
    setup.psk_info.key.length = psk->key_len;
    return coap_new_client_session_psk2(context, NULL, address, COAP_PROTO_DTLS, &setup);
}

int coap_call(const struct call *call, struct outcome *out, struct enoki_error *err)
{
    struct call_psk psk = {.key_len = 0};
    struct exchange exchange = {.out = out};
    coap_context_t *context = NULL;
    coap_session_t *session = NULL;
    coap_address_t address;
    int rc = check(call, err);

    *out = (struct outcome){.ok = false};
    if (rc != 0)
        return rc;
    coap_startup();
    coap_set_log_level(LOG_EMERG); /* what is wrong is our caller's to say */
    rc = resolve(call->base, &address, err);
    if (rc == 0 && is_secure(call))
        rc = call_psk_read(&psk, call->psk_file, err);
    if (rc == 0)
        context = coap_new_context(NULL);
    if (context != NULL)
        session = open_session(context, call, &address, &psk);
    if (session != NULL) {
        coap_session_set_app_data(session, &exchange);
        rc = exchange_with(context, session, call, &exchange, err);
        coap_session_release(session);
    } else if (rc == 0) {
        rc = enoki_error_set(err, ENOKI_EUNAVAILABLE, "%.200s cannot be called", call->base);
    }
    coap_free_context(context);
    coap_cleanup();
    explicit_bzero(&psk, sizeof(psk));
    if (rc != 0)
        outcome_fini(out);
    return rc;
}
