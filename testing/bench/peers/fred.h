/*
 * fred.h - one read or update of a caller's item at a FReD node, by whom the program is for.
 *
 *   enoki   a handle on fred://, shared by all callers
 *   relay   a process per caller, through a relay to one handle
 *   grpc    gRPC's C core alone: the same messages, one completion thread, callers that wait
 *
 * Errors   end the program with a message.
 */
#ifndef FRED_H
#define FRED_H

#include <stdbool.h>
#include <stddef.h>

#define FRED_KEYGROUP "bench"
#define FRED_ID "item"

/* uri is "fred://HOST:PORT?tls=DIR&user=NAME". */
void fred_grpc_open(const char *uri, const void *value, size_t len, size_t callers);
void fred_grpc_call(bool is_update, size_t caller);

#endif
