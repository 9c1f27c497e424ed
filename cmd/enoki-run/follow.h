/*
 * follow.h - who follows the functions' output: /logs?follow=1, line by line as it is written.
 *
 * Bounded: 32 at once; of one that reads too slowly 256 KiB wait, then lines are left out, which a
 * line of its own says, and after 30 s without progress the answer ends.
 *
 * Threads  loop thread.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "invoke/invocation.h"
#include "net/loop.h"

#define FOLLOWERS_MAX 32u

struct followers;

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int followers_new(struct followers **out, struct en_loop *loop);
/* The answers of all end, and there are no more. NULL is allowed, here and below. */
void followers_end(struct followers *followers);
void followers_free(struct followers *followers);

/* Answers with what is there, and goes on with the lines of that function, "": of all. Consumes the
 * call. */
void followers_add(struct followers *followers, struct enoki_invocation *invocation,
                   const char *name, const struct en_buffer *text);

/* A function wrote a line; it ends in a newline. */
void followers_line(struct followers *followers, const char *name, const char *line, size_t len);

#endif
