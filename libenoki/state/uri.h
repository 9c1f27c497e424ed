/*
 * uri.h - "SCHEME:WHERE?KEY=VALUE&..." taken apart. No I/O.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_URI_H
#define EN_URI_H

#include <enoki/error.h>

#include <stdbool.h>

struct en_uri {
    char *text; /* the copy that all others point into */
    const char *scheme;
    const char *where;
    const char *durability; /* NULL: not given; so below */
    const char *keygroup;
    const char *node;
    uint64_t max_value_bytes; /* 0: not given */
};

/* Values are taken as they are, without percent-decoding. On success: en_uri_fini().
 * ENOKI_EINVAL, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_uri_parse(struct en_uri *uri, const char *text, struct enoki_error *err);
void en_uri_fini(struct en_uri *uri);

#endif
