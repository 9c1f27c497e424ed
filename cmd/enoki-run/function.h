/*
 * function.h - one deployed function: its life, its runtimes (instances), the calls that wait for
 * them (calls.h), and what it has done so far. The `remote` dispatcher, seen from one function.
 *
 *   deploy:   function_new(), function_apply(): a first generation of instances starts
 *   replace:  function_apply() with other settings: the next generation starts; once it is ready
 *             it gets the calls, and the one before drains. If it does not become ready it is
 *             stopped, and the one before goes on.
 *   remove:   function_retire(): no new calls; it frees itself after its last call and instance
 *
 * Threads  loop thread.    Fork  none: runtimes are spawned.
 */
#ifndef FUNCTION_H
#define FUNCTION_H

#include "admission.h"
#include "histogram.h"
#include "lines.h"
#include "usage.h"
#include "settings.h"

#include "invoke/server.h"
#include "state/counts.h"

struct node;
struct instance;

enum function_state {
    FUNCTION_STARTING,
    FUNCTION_READY,
    FUNCTION_FAILED, /* its runtime cannot be started: tried again after a pause */
    FUNCTION_ASLEEP, /* no runtime until a call comes */
    FUNCTION_STOPPED,
};

/* Told once how a start went: err NULL, or why the new generation did not become ready. */
typedef void (*function_done_fn)(void *context, const struct enoki_error *err);

struct function {
    struct node *node;
    char name[ENOKI_NAME_MAX + 1];
    struct settings *settings; /* of the newest generation that became ready, or of the first */
    struct settings *next;     /* of the generation that starts; NULL: none does */
    function_done_fn done;
    void *done_context;
    uint64_t generation; /* that gets calls; 0: none yet */
    uint64_t newest;     /* the last that was started */

    /* scaling.c: how many instances there should be. */
    struct instance *instances; /* of all generations */
    uint32_t instance_count;
    uint32_t target, next_target; /* of the generation that gets calls, and of next */
    uint64_t busy_since_ms;       /* calls wait, all instances are busy; 0: it is not so */
    bool is_at_gate;
    struct function *next_at_gate;

    /* calls.c: the calls that it has. */
    struct en_invocation_queue queue; /* no instance had room */
    uint64_t running;                 /* with an instance */
    uint64_t accepting;               /* asynchronous ones that are not accepted yet */
    uint64_t async;                   /* asynchronous ones that were accepted, and wait or run */
    uint32_t room;                    /* calls that an instance may have at once */
    struct share held;
    uint64_t calls, errors, refused;
    struct histogram latency;

    bool retiring;
    bool forgotten; /* by the node: it is about to be freed */
    uint64_t restarts;
    uint64_t restart_at_ms; /* nothing is started before; UINT64_MAX: there is no such pause */
    uint64_t pause_ms;
    char failure[ENOKI_ERROR_MESSAGE_BYTES]; /* of the last start; "": it did not fail */
    char last_end[ENOKI_ERROR_MESSAGE_BYTES]; /* why a runtime was last started anew; "": never */
    uint64_t last_end_ns;                     /* on the wall's clock */

    struct en_counts_total state_before; /* of runtimes that are gone */
    struct usage usage; /* of its runtimes' processes */
    uint64_t usage_at_ms;
    uint32_t workers; /* in runtimes with a zygote; see usage_workers() */
    uint64_t workers_at_ms;
    struct lines *lines;            /* what its runtimes wrote */
    struct function *next_function; /* node's list of those that retire */
};

/* name is copied. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int function_new(struct function **out, struct node *node, const char *name);

/* Starts a generation with these settings, which are consumed. done may be NULL. Another start that
 * is still under way is given up, and its done told ENOKI_ECLOSED. */
void function_apply(struct function *function, struct settings *settings, function_done_fn done,
                    void *context);

/* Who waits for the generation that is starting is told ENOKI_ECLOSED, and why. */
void function_abandon(struct function *function, const char *why);
/* The generation that was starting will not become ready, and this is why. */
void function_give_up(struct function *function, const char *why);
/* Nothing of it is started for a while, longer each time. */
void function_pause(struct function *function);
/* A call of it has ended: it may be done. */
void function_check(struct function *function);
/* Its runtimes end after their calls: the node stops. */
void function_stop(struct function *function);

/* Stops it once its calls are done; the node forgets it then. */
void function_retire(struct function *function);
/* Frees it at once: it has no instances. */
void function_free(struct function *function);

const char *function_name(const struct function *function);
enum function_state function_state(const struct function *function);
const char *function_state_name(enum function_state state);
/* It is ready, or sleeps until one comes. */
bool function_takes_calls(const struct function *function);

const struct settings *function_settings(const struct function *function);

/* Deadlines of calls, restarts. The time of the next look. */
uint64_t function_tick(struct function *function, uint64_t now_ms);

/* instance.c: what happened to one. */
void function_on_ready(struct function *function, struct instance *instance);
void function_on_retiring(struct function *function, struct instance *instance);
/* It has ended; its calls have been given back by calls_on_lost(). Frees the instance. */
void function_on_end(struct function *function, struct instance *instance, const char *why);

#endif
