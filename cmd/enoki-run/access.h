/*
 * access.h - who may use the management API:
 *
 *   TCP          with deploy.token, who shows it. Without one the address is on loopback, and the
 *                kernel is asked whose the other end of the connection is: root's or this node's
 *                user's. Functions that run as users of their own, and other people of this
 *                machine, are refused. Web pages are: their Host or Origin is another.
 *                Elsewhere it can be, over TLS, who has a certificate of deploy.ca.
 *   Unix socket  whose process has connected, as the kernel tells it: the same two.
 *
 * Threads  loop thread.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "invoke/request.h"

#include <enoki/config.h>

struct access {
    const char *address; /* that is listened on; NULL: only on a Unix socket */
    bool anyone;         /* of this machine may, without a token */
    bool by_certificate; /* who connects has shown one */
    char token[1024];    /* "": none is asked for */
};

bool access_is_loopback(const char *address);

/* Reads the token. ENOKI_ECONFIG: it cannot be used, or is missing where anybody could connect */
ENOKI_MUST_CHECK int access_open(struct access *access, const struct enoki_node_settings *settings,
                                 struct enoki_error *err);

/* Who has connected may ask: over TCP, and over a Unix socket. What he asks is checked then. */
bool access_admits(const struct access *access, int fd);
bool access_admits_user(int fd);
/* What who may not is told. */
extern const char access_refusal[];

/* NULL, or the answer to refuse a request over TCP with, and its status. */
const char *access_check(const struct access *access, const struct en_request *request,
                         int *status_out);

#endif
