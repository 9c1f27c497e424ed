/*
 * fetch.h - a package from a URL, by libcurl, which is loaded on first use: few nodes fetch, and it
 * brings thirty libraries along, which no start should pay for.
 *
 * What is fetched is bounded: http and https, URLs that start with one of those that the operator
 * allows, after a redirect too, 256 MiB, 5 minutes. A node that may fetch from a name reaches
 * whatever that name says it is, addresses of its own network too: allow only what is trusted.
 *
 * Threads  one thread at a time; blocks.
 */
#ifndef FETCH_H
#define FETCH_H

#include "base/buffer.h"

#include <enoki/error.h>

#include <stdbool.h>

#define FETCH_MAX_BYTES (256u << 20)

struct fetch_options {
    const char *allowed;           /* beginnings of URLs, a line each; NULL: nothing */
    bool (*stopped)(void *context); /* asked now and then: gives up */
    void *context;
};

/* Appends the body of a GET. ENOKI_EINVAL: not allowed; ENOKI_ETIMEOUT, ENOKI_ELIMIT; ENOKI_EIO: no
 * connection, no status 200 to 299; ENOKI_ENOTFOUND: no libcurl */
ENOKI_MUST_CHECK int fetch_url(const struct fetch_options *options, const char *url,
                               struct en_buffer *out, struct enoki_error *err);

#endif
