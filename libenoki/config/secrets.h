/*
 * secrets.h - variables of a function whose values are in files: read when it starts, so that they
 * are in no configuration, no list and no command line.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_SECRETS_H
#define EN_SECRETS_H

#include "config/arena.h"

#include <enoki/config.h>

#define EN_SECRET_MAX_BYTES 65536u

/* Puts the contents of function's secrets, without the newline at the end, behind its variables,
 * in arena; one that a variable's name has already is left out.
 * ENOKI_ECONFIG: a file that cannot be read, is too long, or has a NUL; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_secrets_read(struct enoki_function_settings *function,
                                     struct en_arena *arena, struct enoki_error *err);

#endif
