/*
 * log_files.h - a file for every function's lines, PATH/NAME.log, rotated and bounded. A thread of
 * its own writes: a slow disk delays no call. What it cannot keep up with is dropped, and the file
 * says how much.
 *
 *   NAME.log is the newest; once it would exceed max_bytes it becomes NAME.log.1, that NAME.log.2,
 *   and so on; `keep` old ones stay.
 *
 * Threads  log_files_put(): loop thread; NULL is allowed, and nothing is written then.
 */
#ifndef LOG_FILES_H
#define LOG_FILES_H

#include "base/log.h"

struct log_files;

struct log_files_options {
    const char *path; /* a folder; made if it is not there */
    uint64_t max_bytes;
    unsigned keep;
    const struct en_log *log; /* borrowed, as path */
};

/* ENOKI_EIO: the folder cannot be made or written to. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int log_files_new(struct log_files **out, const struct log_files_options *options,
                                   struct enoki_error *err);
/* Writes what is left. NULL is allowed. */
void log_files_free(struct log_files *files);

/* Whole lines of a function, copied. */
void log_files_put(struct log_files *files, const char *function, const char *text, size_t len);

#endif
