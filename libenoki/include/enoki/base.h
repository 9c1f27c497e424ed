/*
 * base.h - the marks and the version that every other header uses.
 *
 *   printf("libenoki %s\n", enoki_version());
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef ENOKI_BASE_H
#define ENOKI_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define ENOKI_API extern "C" __attribute__((visibility("default")))
#else
#define ENOKI_API extern __attribute__((visibility("default")))
#endif
#define ENOKI_MUST_CHECK __attribute__((warn_unused_result))
#define ENOKI_PRINTF(text_at, first_at) __attribute__((format(printf, text_at, first_at)))

#define ENOKI_VERSION_MAJOR 0
#define ENOKI_VERSION_MINOR 1
#define ENOKI_VERSION_PATCH 0
#define ENOKI_VERSION "0.1.0"

/* The version of the loaded library, as "MAJOR.MINOR.PATCH": borrowed for ever. */
ENOKI_API const char *enoki_version(void);

/* A function's, item's or keygroup's name is one to this many of [A-Za-z0-9]. */
#define ENOKI_NAME_MAX 255

#endif
