/*
 * listen.h - listening sockets and what they are called.
 *
 * Threads  any thread.    Fork  safe: sockets are inherited, close-on-exec is set.
 */
#ifndef EN_LISTEN_H
#define EN_LISTEN_H

#include <enoki/error.h>

/*
 * Listens on "ADDRESS:PORT" (IPv6 in brackets; an empty address means all; port 0: any free one).
 * *fd_out is non-blocking, has TCP_NODELAY set, which accepted sockets inherit, and is owned by the
 * caller.
 *
 * ENOKI_EINVAL  not of that form, or not a numeric address
 * ENOKI_EIO     the address is in use or not this machine's
 */
ENOKI_MUST_CHECK int en_listen_tcp(const char *address, int *fd_out, struct enoki_error *err);

/*
 * Listens on a Unix socket at that path, which every user of this machine may connect to: ask
 * en_peer_user(). A socket that nobody listens on any more is replaced. The caller unlinks it.
 *
 * ENOKI_EINVAL  the path is longer than a socket's may be
 * ENOKI_EIO     somebody listens there; no such folder; something else than a socket is there
 */
ENOKI_MUST_CHECK int en_listen_unix(const char *path, int *fd_out, struct enoki_error *err);

/* Writes "ADDRESS:PORT" with the real port. ENOKI_EIO, ENOKI_ELIMIT (size too small) */
ENOKI_MUST_CHECK int en_listen_name(int fd, char *out, size_t size);
/* The same of who is at the other end of a connection. ENOKI_EIO: also if it is not over TCP */
ENOKI_MUST_CHECK int en_listen_peer_name(int fd, char *out, size_t size);

#endif
