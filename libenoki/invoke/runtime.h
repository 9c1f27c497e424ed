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

/* The function's state is kept by others, over a network. */
bool en_runtime_has_remote_state(const struct enoki_runtime *runtime);
/* Opens it; what enoki_state_open() returns. */
ENOKI_MUST_CHECK int en_runtime_open_state(const struct enoki_runtime *runtime,
                                           struct enoki_state **out, struct enoki_error *err);

#endif
