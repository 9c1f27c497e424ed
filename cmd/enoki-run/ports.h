/*
 * ports.h - the listening sockets of a node's server: calls over HTTP, and the management API.
 *
 * Threads  loop thread.
 */
#ifndef PORTS_H
#define PORTS_H

#include "inherited.h"
#include "manage.h"
#include "variables.h"

#include "invoke/server.h"

#define PORTS_MAX 3u

struct ports {
    struct en_server_listener listeners[PORTS_MAX]; /* the server closes them */
    size_t count;
    char http[160];           /* "http://ADDRESS:PORT" or https, with the real port; "": none */
    char management[160];     /* the same */
    struct en_secure *secure; /* of calls; NULL: no TLS */
    struct en_secure *secure_management;
    struct inherited inherited; /* sockets from systemd that are used instead */
    struct variables variables;
    char addresses[3][VARIABLES_ADDRESS_BYTES]; /* of those sockets */
    const char *socket;       /* path of the management API's; NULL: none */
    bool is_own_socket;
};

/* What the environment changes of the settings, which borrow from ports then: variables for ports,
 * sockets from systemd. First. ENOKI_ECONFIG */
ENOKI_MUST_CHECK int ports_prepare(struct ports *ports, struct enoki_node_settings *settings,
                                   struct enoki_error *err);

/* Listens where the settings say, over TLS where they say so; site is that of calls, manage NULL if
 * there is no management; log is borrowed. ENOKI_EINVAL, ENOKI_EIO, ENOKI_ETLS */
ENOKI_MUST_CHECK int ports_open(struct ports *ports, const struct enoki_node_settings *settings,
                                const struct en_log *log, const struct en_site *site,
                                const struct manage *manage, struct enoki_error *err);

/* One line for the management API, on standard error. */
void ports_tell_ready(const struct ports *ports);

/* Removes what listening leaves in the file system. */
void ports_close(struct ports *ports);

#endif
