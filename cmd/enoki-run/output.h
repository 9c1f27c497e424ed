/*
 * output.h - what a runtime writes to one of its pipes, taken apart into lines: kept for /logs, and
 * passed on to this process's log, but for a function's own lines if they have a file.
 *
 * Threads  loop thread.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "lines.h"

#include "base/log.h"
#include "net/loop.h"

struct instance_output;

struct output_options {
    int fd; /* consumed on success; non-blocking */
    struct lines *lines;
    const struct en_log *log;
    const char *function; /* borrowed, as the others */
    unsigned handler;
    bool is_stderr;
    bool has_file; /* lines has one: no copy of a function's lines in the log */
};

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int output_new(struct instance_output **out, struct en_loop *loop,
                                const struct output_options *options);
/* Takes what is left in the pipe, without waiting. NULL is allowed. */
void output_free(struct instance_output *output);

#endif
