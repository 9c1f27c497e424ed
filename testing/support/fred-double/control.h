/*
 * control.h - the control socket: a line of words in, "ok" or "error: ..." out.
 *
 *   hold, release, cut, join    messages between the nodes (see the transcripts' README)
 *   lag MS                      every message takes so long
 *   restart NODE                the process ends and comes back with its data
 *   fresh NODE                  ... without
 *   stop NODE, start NODE       connections are refused in between
 *   drop NODE, heal NODE        a black hole in between: connections stay, nothing is heard
 *   advertise NODE HOST:PORT    publishes this address of it, a proxy's for one
 *   certificate NODE NAME       serves with NAME.crt and NAME.key from now on
 *   fault ..., fault clear      see faults.h
 */
#ifndef DOUBLE_CONTROL_H
#define DOUBLE_CONTROL_H

#include <stddef.h>

/* Does what the line says. NULL, or the complaint. */
typedef const char *(*control_fn)(void *context, char *line);

/* Serves the socket at path in a thread of its own, until the process ends. 0 or an errno. */
int control_serve(const char *path, control_fn run, void *context);

/* The other side: sends words as one line. An exit status; the answer is printed. */
int control_send(const char *path, char **words, size_t count);

#endif
