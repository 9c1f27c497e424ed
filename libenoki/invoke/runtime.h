/*
 * runtime.h - the inside of struct enoki_runtime: what every process of a runtime inherits.
 *
 * Fork     safe: read-only after enoki_runtime_main() has made it, but for the loaded plugin, which
 *          belongs to the process that called enoki_runtime_load() and to its children.
 */
#ifndef EN_RUNTIME_H
#define EN_RUNTIME_H

#include "base/log.h"
#include "plugin/plugin.h"

#include <enoki/runtime.h>

const struct en_log *en_runtime_log(const struct enoki_runtime *runtime);
/* NULL before enoki_runtime_load(). */
const struct en_plugin *en_runtime_plugin(const struct enoki_runtime *runtime);

/* As enoki_runtime_load(), with so many descriptors of the runtime's own in this process. */
ENOKI_MUST_CHECK int en_runtime_load_with(const struct enoki_runtime *runtime,
                                          uint64_t descriptors, struct enoki_error *err);

/* The function's state is kept by others, over a network. */
bool en_runtime_has_remote_state(const struct enoki_runtime *runtime);
/* Opens it; what enoki_state_open() returns. */
ENOKI_MUST_CHECK int en_runtime_open_state(const struct enoki_runtime *runtime,
                                           struct enoki_state **out, struct enoki_error *err);

/* The way to other functions (door.h); 0: there is no front door. */
int en_runtime_routes(const struct enoki_runtime *runtime);
/* Closes the sockets by which the front door speaks to the runtime, in a process that it forked. */
void en_runtime_leave_door(const struct enoki_runtime *runtime);

#endif
