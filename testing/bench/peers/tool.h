/*
 * tool.h - what the programs of the bench share: a clock, numbers from arguments, ending with a
 * message. Only for executables: it prints and exits.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds on CLOCK_MONOTONIC. */
uint64_t tool_now_ns(void);

/* Prints "PROGRAM: message" on standard error and exits with status 1. */
_Noreturn void tool_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A decimal number between min and max, or tool_die() with the name of the argument. */
uint64_t tool_number(const char *name, const char *text, uint64_t min, uint64_t max);

/* Sorts samples and gives the value below which a fraction of them lies; 0 if there are none. */
void tool_sort(uint64_t *samples, size_t count);
uint64_t tool_quantile(const uint64_t *sorted, size_t count, double fraction);

/* One line of JSON of calls that took took_ns together; sorts the samples, in nanoseconds. */
void tool_print_calls(uint64_t *samples, size_t count, uint64_t errors, uint64_t took_ns);

/* A connected TCP socket to 127.0.0.1:port with TCP_NODELAY, or -1 with errno. */
int tool_connect(uint16_t port, int flags);

#endif
