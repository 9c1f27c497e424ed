/*
 * peer.h - whose process is at the other end of an accepted connection, as the kernel tells it.
 *
 * Threads  any thread; does not block.
 */
#ifndef EN_PEER_H
#define EN_PEER_H

#include <enoki/error.h>

#include <sys/types.h>

/* The user of a Unix socket's other end, or of one over loopback TCP whose socket is still open.
 *
 * ENOKI_ENOTFOUND  it is not of this machine, or has closed already
 * ENOKI_EIO        the kernel does not tell: it is built without socket diagnosis */
ENOKI_MUST_CHECK int en_peer_user(int fd, uid_t *user_out);

#endif
