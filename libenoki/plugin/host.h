/*
 * host.h - functions that are no library: a folder of code in another language is run by a host, a
 * plugin that comes with Enoki and finds the code in enoki_env_directory().
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_HOST_H
#define EN_HOST_H

#include <enoki/error.h>

#include <stdbool.h>

/* True for "fn.py", "package.json", ...: a file that begins a function of a folder. */
bool en_host_is_beginning(const char *file);

/*
 * The file of the host that runs the folder. What begins a language's code stands in one table;
 * first: the file that begins it, NULL: the first of the table that is there.
 *
 * ENOKI_EPLUGIN    nothing in it begins a function that is known here; the message names what does
 * ENOKI_ENOTFOUND  the host is not installed
 */
ENOKI_MUST_CHECK int en_host_find(char *out, size_t size, const char *folder, const char *first,
                                  struct enoki_error *err);

#endif
