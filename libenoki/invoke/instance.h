/*
 * instance.h - one worker's copy of a function: environment, opened instance, state, and running
 * one call on it.
 *
 * Threads  an instance is used by one thread at a time; different instances are independent.
 * Fork     after: open it in the process that runs the calls.
 */
#ifndef EN_INSTANCE_H
#define EN_INSTANCE_H

#include "base/log.h"
#include "invoke/request.h"
#include "plugin/plugin.h"

#include <enoki/config.h>

struct en_instance;

/* All borrowed as long as the instance lives. */
struct en_instance_options {
    const struct en_plugin *plugin;
    const struct enoki_function_settings *function;
    const struct enoki_node_settings *node;
    const struct en_log *log;
    const char *worker; /* for log lines: "0", "17" */
    int state_door;     /* a relay's door to the state (state/relay/relay.h); 0: opened directly */
    int routes;         /* the way to other functions (door.h); 0: there is no front door */
};

/* The function's state, as settings have it; no part of an instance. What enoki_state_open()
 * returns; on success *out is owned by the caller. */
ENOKI_MUST_CHECK int en_env_open_state(const struct en_instance_options *settings,
                                       struct enoki_state **out, struct enoki_error *err);

/* Calls the plugin's preload, if any. Before any fork of workers; state is refused there. */
ENOKI_MUST_CHECK int en_instance_preload(const struct en_instance_options *options,
                                         struct enoki_error *err);

/* Calls the plugin's open, if any. ENOKI_ENOMEM, or what open returned. */
ENOKI_MUST_CHECK int en_instance_open(struct en_instance **out,
                                      const struct en_instance_options *options,
                                      struct enoki_error *err);
/* Calls close, then releases the state. NULL is allowed. */
void en_instance_free(struct en_instance *instance);

/* Identity and deadline of one call. */
struct en_call_info {
    uint64_t id;
    uint64_t deadline_ms; /* monotonic */
    struct en_text subpath;
};

/* Runs the function. Always leaves a reply to send: the function's, or 500 with the message of its
 * failure (also logged). request is borrowed for the call; reply was reset by the caller. */
void en_instance_run(struct en_instance *instance, const struct en_request *request,
                     const struct en_call_info *info, struct en_reply *reply);

/* It has used up what its process may have: further calls run better in another one. */
bool en_instance_is_worn(const struct en_instance *instance);

#endif
