/*
 * screen.h - the whole terminal, drawn again and again, as `top` does; by the sequences that every
 * terminal knows. What was there before comes back at the end, also after SIGINT and SIGTERM.
 *
 * Threads  the main thread; one screen at a time.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <enoki/error.h>

#include <stdbool.h>
#include <stdio.h>

/* Keys come without Enter from now on. ENOKI_EIO: standard input is no terminal. */
ENOKI_MUST_CHECK int screen_open(struct enoki_error *err);
void screen_close(void);

/* What is written between the two is the next picture; it replaces the last one without a flicker.
 * NULL: no memory. false: the terminal is gone. */
FILE *screen_begin(void);
bool screen_end(FILE *picture);

/* Waits so long; at once it is over after a key (which is returned), a change of the window's size
 * (0) and a signal to end ('q'). 0: the time is over. */
int screen_wait(unsigned ms);

#endif
