/*
 * terminal.h - what differs when a person looks on: colours, a line that is written over,
 * questions.
 *
 * Threads  the main thread.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <enoki/base.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, COLOURS };

/* A terminal that shows colours, and nobody has set NO_COLOR. */
bool terminal_has_colour(FILE *stream);
/* What switches to a colour, and with PLAIN back; "" where there is none. */
const char *terminal_colour(FILE *stream, enum colour colour);

/* Of standard output; 80 x 24 if it does not say. */
void terminal_size(unsigned *columns_out, unsigned *rows_out);

/* "enoki: ..." on standard error. */
void say_error(const char *format, ...) ENOKI_PRINTF(1, 2);
void say_warning(const char *format, ...) ENOKI_PRINTF(1, 2);

/* Foreign text: what could steer a terminal becomes '?'; tabs and newlines stay. */
void make_printable(char *text, size_t len);

/* Asks on the terminal whether to do something; "yes" answers beforehand. false: no, or nobody can
 * be asked, which is told together with the option that answers. */
bool confirm(bool yes, const char *option, const char *format, ...) ENOKI_PRINTF(3, 4);

/* A line of progress on standard error that the next one replaces; nothing where it is no terminal.
 * status_clear() takes the last one away. */
void status_show(const char *format, ...) ENOKI_PRINTF(1, 2);
void status_clear(void);

/* Everything that was printed has arrived: 0, else 1 after an error was told. */
int finish_output(void);

#endif
