/*
 * peer.h - who calls: by the certificate, and from where.
 */
#ifndef DOUBLE_PEER_H
#define DOUBLE_PEER_H

#include "calls.h"

#include <grpc/grpc.h>

/* The certificate's common name, to be released; "" if there is none. */
char *peer_user(grpc_call *call);
int peer_port(grpc_call *call);

/* FReD wants the address that a client calls from in its certificate. False, and the error, if it
 * is not there. */
bool peer_check_source(grpc_call *call, struct answer *answer);

#endif
