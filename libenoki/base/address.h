/*
 * address.h - "ADDRESS:PORT" as a socket address, and back: numeric, IPv6 in brackets, no name is
 * looked up.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_ADDRESS_H
#define EN_ADDRESS_H

#include <enoki/error.h>

#include <netinet/in.h>

#define EN_ADDRESS_TEXT_BYTES 64u /* of any, with port and NUL */

union en_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* An empty address means all. ENOKI_EINVAL */
ENOKI_MUST_CHECK int en_address_parse(const char *text, union en_address *out, socklen_t *len_out,
                                      struct enoki_error *err);
/* ENOKI_ELIMIT (size too small), ENOKI_EIO (neither IPv4 nor IPv6) */
ENOKI_MUST_CHECK int en_address_format(const union en_address *address, char *out, size_t size);

#endif
