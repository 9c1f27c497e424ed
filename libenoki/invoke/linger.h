/*
 * linger.h - closing so that the client still gets our answer: a socket that is closed with unread
 * input is reset, and what we sent last may be lost with it. So it is read until the client closes.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_LINGER_H
#define EN_LINGER_H

#include <stdbool.h>
#include <stddef.h>

/* Throws away what is there; *total_bytes counts. False: close it, because the client has, or
 * because it sends and sends. */
bool en_linger_read(int fd, size_t *total_bytes);

#endif
