/*
 * call_psk.h - a key that is shared with a node beforehand, for CoAP over DTLS.
 */
#ifndef CALL_PSK_H
#define CALL_PSK_H

#include <enoki/error.h>

#include <stddef.h>
#include <stdint.h>

struct call_psk {
    char identity[256];
    uint8_t key[64];
    size_t key_len;
};

/* The first line of a file, IDENTITY:HEXKEY, as the node's listen.coap_psk has them. ENOKI_EINVAL
 */
ENOKI_MUST_CHECK int call_psk_read(struct call_psk *psk, const char *path, struct enoki_error *err);

#endif
