/*
 * http_call.h - a client's side of HTTP/1.1, one call at a time per connection: just enough to
 * measure with. Answers need a Content-Length.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_CALL_REQUEST_BYTES 4096u
#define HTTP_CALL_HEAD_BYTES 4096u

enum http_call_state {
    HTTP_CALL_IDLE,
    HTTP_CALL_SENDING,
    HTTP_CALL_READING,
    HTTP_CALL_DONE,   /* a whole answer with status 200 */
    HTTP_CALL_FAILED, /* anything else; the socket is of no further use */
};

struct http_call {
    int fd; /* non-blocking; the owner closes it */
    enum http_call_state state;
    size_t request_len;
    size_t request_sent;
    size_t head_len;  /* bytes in head, until the blank line was found */
    size_t body_left; /* after it */
    bool in_body;
    char request[HTTP_CALL_REQUEST_BYTES];
    char head[HTTP_CALL_HEAD_BYTES + 1];
};

/* Begins a POST of a text and sends what the socket takes. */
void http_call_begin(struct http_call *call, const char *path, const char *body);

/* Goes on when the socket is ready; leaves DONE or FAILED when the call has ended. */
void http_call_advance(struct http_call *call);

#endif
