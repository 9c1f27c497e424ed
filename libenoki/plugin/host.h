/*
 * host.h - functions that are no library: a folder of code in another language is run by a host, a
 * plugin that comes with Enoki and finds the code in enoki_env_directory().
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_HOST_H
#define EN_HOST_H

#include <enoki/error.h>

/*
 * The file of the host that runs the folder. What begins a language's code stands in one table.
 *
 * ENOKI_EPLUGIN    nothing in it begins a function that is known here; the message names what does
 * ENOKI_ENOTFOUND  the host is not installed
 */
ENOKI_MUST_CHECK int en_host_find(char *out, size_t size, const char *folder,
                                  struct enoki_error *err);

#endif
