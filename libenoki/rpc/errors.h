/*
 * errors.h - what FReD's refusals mean: gRPC's code and FReD's words to a result and a status.
 *
 * FReD answers nearly everything with code 2 and a text, so the text decides.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_RPC_ERRORS_H
#define EN_RPC_ERRORS_H

#include "rpc/fred.h"

/* How a call ended that got no good answer. */
struct en_rpc_failure {
    int code;            /* gRPC's */
    const char *text;    /* the node's words, or gRPC's */
    const char *address; /* of the node */
    bool was_sent;       /* the request may have reached the node */
};

/* Sets *err for it and tells the result; never EN_FRED_OK. */
enum en_fred_result en_rpc_explain(const struct en_rpc_failure *failure, struct enoki_error *err);

/* The status that goes with a result. */
int en_rpc_status(enum en_fred_result result);

#endif
