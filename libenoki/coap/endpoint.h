/*
 * endpoint.h - the listener's socket: where it listens, and with which keys.
 *
 * Threads  one thread at a time.
 */
#ifndef EN_COAP_ENDPOINT_H
#define EN_COAP_ENDPOINT_H

#include "coap/psk.h"

/* "ADDRESS:PORT", a numeric address, IPv6 in brackets. ENOKI_EINVAL */
ENOKI_MUST_CHECK int en_coap_address_parse(const char *text, coap_address_t *out,
                                           struct enoki_error *err);
/* The way back. */
void en_coap_address_format(const coap_address_t *address, char *out, size_t size);

/* Listens there, over DTLS for those who have a key if there are keys (NULL: none), which are
 * borrowed until the context is freed. Port 0 becomes a real one in *address. ENOKI_EIO (in use),
 * ENOKI_ETLS */
ENOKI_MUST_CHECK int en_coap_endpoint_open(coap_context_t *context, coap_address_t *address,
                                           struct en_coap_keys *keys, struct enoki_error *err);

#endif
