/*
 * variables.h - the originals' variables for ports: http_PORT, grpc_PORT and coap_PORT, or the same
 * in capitals, which their manual names. A number changes the port of that listener, or adds the
 * listener where HTTP listens; one below 0 takes it away.
 *
 * Threads  one thread.
 */
#ifndef VARIABLES_H
#define VARIABLES_H

#include <enoki/config.h>

#define VARIABLES_ADDRESS_BYTES 160u

/* Addresses that settings borrow. */
struct variables {
    char addresses[3][VARIABLES_ADDRESS_BYTES];
};

/* ENOKI_ECONFIG: no number, or above 65535 */
ENOKI_MUST_CHECK int variables_apply(struct variables *variables,
                                     struct enoki_node_settings *settings, struct enoki_error *err);

#endif
