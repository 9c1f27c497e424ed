/*
 * env.h - what stands behind struct enoki_env and struct enoki_call.
 *
 * Threads  one thread at a time.    Fork  after, but for the environment of preload.
 */
#ifndef EN_ENV_H
#define EN_ENV_H

#include "invoke/instance.h"
#include "invoke/outgoing.h"
#include "wire/trace.h"

/* What changes while a function runs. */
struct en_env_live {
    struct enoki_state *state;    /* NULL until first used */
    uint64_t call_id;             /* 0 between calls */
    uint64_t deadline_ms;         /* of the call; UINT64_MAX between calls */
    struct en_outgoing *outgoing; /* its calls of other functions */
};

struct enoki_env {
    struct en_instance_options options;
    struct en_env_live *live; /* NULL in preload, where no state may be opened */
};

struct enoki_call {
    const struct enoki_env *env;
    const struct en_request *request;
    const struct en_call_info *info;
    struct en_reply *reply;
    bool has_trace; /* trace is the one that this call is part of: found by its first own call */
    struct en_trace trace;
};

/* Finds the call's trace, so that copies of it can call others on several threads. ENOKI_EIO */
ENOKI_MUST_CHECK int en_call_begin_trace(struct enoki_call *call);

#endif
