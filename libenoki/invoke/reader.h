/*
 * reader.h - a connection that the loop thread reads: its calls become invocations for the
 * dispatcher. Between requests it is offered to the dispatcher (take_connection).
 *
 * Threads  loop thread.
 */
#ifndef EN_READER_H
#define EN_READER_H

#include "invoke/server.h"

/* Reads the connection from now on; consumed. */
void en_reader_start(struct enoki_server *server, struct enoki_connection *connection);

#endif
