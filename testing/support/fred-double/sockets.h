/*
 * sockets.h - faults that gRPC has no call for, done to the sockets under a server. They are found
 * among this process's own files by their port; a connection by the port of its other end, too.
 *
 * Threads  any thread, also while gRPC uses the sockets.
 */
#ifndef DOUBLE_SOCKETS_H
#define DOUBLE_SOCKETS_H

/* Every connection, and what listens. */
#define ANY_PEER 0

/* Ends the connection with a reset. */
void sockets_reset(int port, int peer);

/* What arrives is thrown away before TCP sees it: the other end gets no acknowledgement, no answer
 * and no end. With ANY_PEER new connections hang as well. */
void sockets_silence(int port, int peer);
/* What the other ends have sent meanwhile arrives when they send it again. */
void sockets_heal(int port);

#endif
