/*
 * psk.h - the keys that clients of DTLS may have: a file of lines IDENTITY:HEXKEY; empty lines and
 * such that begin with '#' are skipped.
 *
 * Threads  one thread at a time.
 */
#ifndef EN_COAP_PSK_H
#define EN_COAP_PSK_H

#include <enoki/error.h>

#include <coap3/coap.h>

struct en_coap_keys;

/* ENOKI_ETLS: not readable, readable by others than its owner, or a line that is none: the message
 * says which; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_coap_keys_load(struct en_coap_keys **out, const char *path,
                                       struct enoki_error *err);
/* The same for a file's text. path is for messages. */
ENOKI_MUST_CHECK int en_coap_keys_parse(struct en_coap_keys **out, const char *text, size_t len,
                                        const char *path, struct enoki_error *err);
/* Forgets the keys. NULL is allowed. */
void en_coap_keys_free(struct en_coap_keys *keys);

/* The key of an identity, borrowed; NULL: it has none. */
const coap_bin_const_t *en_coap_keys_find(const struct en_coap_keys *keys, const void *identity,
                                          size_t len);

#endif
