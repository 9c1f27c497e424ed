/*
 * plugin.h - loads a function's library and checks that it fits before anything of it is called.
 *
 * Threads  one thread at a time; a loaded plugin may be read by any thread.
 * Fork     before: load, then fork workers.
 */
#ifndef EN_PLUGIN_H
#define EN_PLUGIN_H

#include <enoki/function.h>

struct en_plugin;

/*
 * Loads a file (a path without '/' is looked for in the current folder only).
 *
 * ENOKI_ENOTFOUND  no such file
 * ENOKI_EPLUGIN    not loadable, no symbol enoki_function, another ABI; the message names the
 *                  file, the symbol, both versions and the likely cause
 */
ENOKI_MUST_CHECK int en_plugin_load(struct en_plugin **out, const char *path,
                                    struct enoki_error *err);
/* Every instance must be closed. NULL is allowed. */
void en_plugin_free(struct en_plugin *plugin);

/* A copy of the library's descriptor in our size: members that its build did not know are NULL. */
const struct enoki_function *en_plugin_function(const struct en_plugin *plugin);
/* Absolute folder of the file. */
const char *en_plugin_directory(const struct en_plugin *plugin);

#endif
