/*
 * lines.h - the newest lines that a function's runtimes wrote, in the originals' form
 * (spec/platform.md section 8): the oldest give way.
 *
 * Threads  loop thread.
 */
#ifndef LINES_H
#define LINES_H

#include "base/buffer.h"

#include <stdbool.h>

/* Of one function; a longer line is cut. */
#define LINES_MAX_BYTES (1u << 20)
#define LINE_MAX_BYTES 65536u

struct lines;
struct followers;
struct log_files;

/* name is copied; followers and files get each line too, and are borrowed; NULL: none.
 * ENOKI_ENOMEM */
ENOKI_MUST_CHECK int lines_new(struct lines **out, const char *name, struct followers *followers,
                               struct log_files *files);
void lines_free(struct lines *lines);

/* One line without its newline. Without memory it is dropped. */
void lines_add(struct lines *lines, unsigned handler, bool is_stderr, const char *text, size_t len);

/* All that are kept, or the last so many (0: all). ENOKI_ELIMIT, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int lines_write(const struct lines *lines, size_t last, struct en_buffer *out);

#endif
