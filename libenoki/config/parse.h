/*
 * parse.h - a configuration from memory, for the loader, tests and the fuzzer.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_PARSE_H
#define EN_PARSE_H

#include <enoki/config.h>

/* Longer files are refused. */
#define EN_CONFIG_MAX_BYTES 1048576u

/* As enoki_config_load(); text is NUL-terminated, path is what messages call it and whose folder
 * relative paths start from. */
ENOKI_MUST_CHECK int en_config_parse(struct enoki_config **out, const char *text, size_t len,
                                     const char *path, struct enoki_error *err);

#endif
