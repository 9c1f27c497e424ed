/*
 * pass.h - sockets that go from one process to another: messages on a SOCK_SEQPACKET socket that
 * carry one descriptor each.
 *
 * What arrives is foreign: a message may have no descriptor, and a descriptor need not be a socket.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_PASS_H
#define EN_PASS_H

#include <enoki/error.h>

#include <stdbool.h>

/* Both ends close on exec. ENOKI_EIO; errno says why */
ENOKI_MUST_CHECK int en_pass_pair(int ends[2]);

/* Sends fd, which stays the caller's. waits: until there is room. ENOKI_ECLOSED: nobody is there;
 * ENOKI_ELIMIT: no room; ENOKI_EIO */
ENOKI_MUST_CHECK int en_pass_send(int to, const void *message, size_t len, int fd, bool waits);

/* Sends one end of a new stream pair; *fd_out is the other, owned by the caller. As above. */
ENOKI_MUST_CHECK int en_pass_new_stream(int to, const void *message, size_t len, bool waits,
                                        int *fd_out);

/* What has arrived: its length, at most size, and *fd_out, which is -1 if not exactly one
 * descriptor came with it, else owned by the caller. 0: nothing now. ENOKI_ECLOSED: all other ends
 * are closed */
ENOKI_MUST_CHECK int en_pass_receive(int from, void *message, size_t size, int *fd_out);

/* A connected Unix stream socket. */
bool en_pass_is_stream(int fd);

#endif
