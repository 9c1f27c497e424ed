/*
 * dispatcher.h - the dispatcher of enoki-thread: calls run on the threads of a crew, each on the
 * thread that read it.
 *
 * Threads  as enoki/runtime.h says.
 */
#ifndef THREAD_DISPATCHER_H
#define THREAD_DISPATCHER_H

#include <enoki/runtime.h>

extern const struct enoki_dispatcher thread_dispatcher;

#endif
