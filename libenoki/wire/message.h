/*
 * message.h - one request as views into somebody's memory, however it arrived.
 *
 * Memory   views; whoever hands them out says until when.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_MESSAGE_H
#define EN_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes followed by a NUL that len does not count. */
struct en_text {
    const char *data;
    size_t len;
};

struct en_header {
    struct en_text name; /* as sent */
    struct en_text value;
};

#define EN_HEADERS_MAX 128u

struct en_request {
    struct en_text method;
    struct en_text path;  /* as sent, without '?' and what follows; starts with '/', or is "*" */
    struct en_text query; /* what follows '?', else "" */
    struct en_text body;
    const struct en_header *headers;
    size_t header_count;
};

/* The last len bytes of the path: how a sub-path goes with a request that is copied or sent. */
static inline struct en_text en_request_subpath(const struct en_request *request, size_t len)
{
    return (struct en_text){request->path.data + (request->path.len - len), len};
}

/* Many texts copied into one block: adds what one takes there to *total (false: too much) ... */
bool en_text_measure(size_t *total, struct en_text text);
/* ... and copies it, and a NUL, to *at, which moves behind them. */
struct en_text en_text_copy(char **at, struct en_text text);

#endif
