/*
 * inherited.h - listening sockets that systemd opened for this process (socket activation): by the
 * names in LISTEN_FDNAMES, "http", "https" and "management"; a single one without a name is http.
 *
 * Threads  one thread, before others exist.
 */
#ifndef INHERITED_H
#define INHERITED_H

#include <enoki/error.h>

/* Descriptors, non-blocking, closed on exec; -1: none. */
struct inherited {
    int http;
    int https;
    int management;       /* TCP */
    int management_local; /* a Unix socket */
};

/* Takes them, and their variables out of the environment. ENOKI_ECONFIG: a name that nobody knows,
 * one twice, or a socket that does not listen */
ENOKI_MUST_CHECK int inherited_take(struct inherited *out, struct enoki_error *err);

#endif
