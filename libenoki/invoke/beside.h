/*
 * beside.h - our programs find each other in the folder of the one that runs: a build folder or a
 * prefix uses its own.
 *
 * Threads  any thread.
 */
#ifndef EN_BESIDE_H
#define EN_BESIDE_H

#include <limits.h>
#include <stdbool.h>

/* The path of that name beside this program's own file, whether it exists or not. False: this
 * program's place is not known; look in PATH. */
bool en_beside(char out[PATH_MAX], const char *name);

#endif
