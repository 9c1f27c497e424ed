/*
 * instance.h - one runtime process of a function, at the other end of a socket of frames.
 *
 *   STARTING   spawned; told what to run; not ready
 *   READY      gets calls
 *   DRAINING   gets no more; is stopped after its last answer
 *   STOPPING   got SIGTERM; killed when it takes too long
 *
 * Threads  loop thread.
 */
#ifndef INSTANCE_H
#define INSTANCE_H

#include "function.h"

#include <sys/types.h>

enum instance_phase {
    INSTANCE_STARTING,
    INSTANCE_READY,
    INSTANCE_DRAINING,
    INSTANCE_STOPPING,
};

struct instance_output;

struct instance {
    struct function *function;
    struct instance *next;
    uint64_t generation;
    uint32_t index; /* the handler's number in the log */
    enum instance_phase phase;
    pid_t pid;
    int pidfd;
    struct en_watch *end;
    struct en_stream *stream;  /* NULL: closed */
    struct route_door *routes; /* calls to and from other functions */
    const struct en_counts *counts; /* of its calls of state; NULL: not known */
    struct instance_output *output[2];
    struct enoki_invocation **calls; /* by slot; NULL: free */
    uint32_t *serials;               /* of the slots: an answer to another one is late */
    uint32_t slot_count, free_slot, running;
    uint64_t started_ms;
    uint64_t idle_since_ms; /* while it is ready and has no calls */
    bool is_in_gate;        /* it counts as one that starts (gate.h) */
    uint64_t kill_at_ms; /* UINT64_MAX: not */
    char failure[ENOKI_ERROR_MESSAGE_BYTES];
};

/* Spawns a runtime with these settings. ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int instance_start(struct instance **out, struct function *function,
                                    const struct settings *settings, uint64_t generation,
                                    uint32_t index, struct enoki_error *err);
/* It has ended, or was never told of. */
void instance_free(struct instance *instance);

/* Sends a call; it is the instance's until it is answered or lost. ENOKI_ENOMEM, ENOKI_ELIMIT: it
 * is the caller's */
ENOKI_MUST_CHECK int instance_call(struct instance *instance, struct enoki_invocation *invocation);

/* Ends it at once, with its calls, and frees it. */
void instance_kill(struct instance *instance);

/* No more calls; stops after the last answer. */
void instance_drain(struct instance *instance);
/* SIGTERM now, SIGKILL later. */
void instance_stop(struct instance *instance);

/* Kills what does not stop, gives up calls that are long past their deadline. The next look. */
uint64_t instance_tick(struct instance *instance, uint64_t now_ms);

#endif
