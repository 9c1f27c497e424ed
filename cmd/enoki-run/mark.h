/*
 * mark.h - a runtime's own log lines on their way into the node's log: with the function's name, so
 * that no function's output passes for the node's.
 *
 * Threads  any thread.
 */
#ifndef MARK_H
#define MARK_H

#include "base/buffer.h"

#include <stdbool.h>

/* Writes the line with its newline to out, marked; false: it is no log line of this form, but
 * something that the function wrote. */
bool mark_line(const char *line, size_t len, bool json, const char *function,
               struct en_buffer *out);

#endif
