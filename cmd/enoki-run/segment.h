/*
 * segment.h - the function's name in a path.
 *
 * Threads  any thread.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "wire/message.h"

/* The first segment of a path, decoded, as far as it fits; leading slashes do not count. Its
 * length; subpath is what follows, a view. */
size_t segment_first(const struct en_text *path, char *out, size_t size, struct en_text *subpath);

#endif
