/*
 * fred.h - the backend that keeps a keygroup at FReD nodes: "fred://HOST:PORT?tls=DIR&user=NAME".
 *
 * All handles of a process on the same keygroup, addresses and user share connections and session.
 */
#ifndef EN_FRED_H
#define EN_FRED_H

#include "state/backend.h"

extern const struct en_backend en_fred_backend;

#endif
