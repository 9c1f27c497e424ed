/*
 * stream.h - frames of proto/frame.md over a connected stream socket, in a loop, both ways.
 *
 *   rc = en_frame_begin(en_stream_out(stream), type, call, &at);   ... put fields ...
 *   if (rc == 0) rc = en_frame_end(en_stream_out(stream), at);
 *   en_stream_send(stream);
 *
 * What is put leaves when the loop has run what is due: many frames in one send.
 *
 * Memory   A stream belongs to who made it, and owns its socket.
 * Threads  loop thread.    Fork  after.
 */
#ifndef EN_STREAM_H
#define EN_STREAM_H

#include "net/loop.h"
#include "wire/frame.h"

struct en_stream;

struct en_stream_options {
    int fd;                   /* consumed on success; made non-blocking */
    size_t max_payload_bytes; /* of a frame that arrives */
    size_t max_unsent_bytes;  /* of what waits to be sent: above it frames cannot be put */
    /* A frame; payload is borrowed until it returns. Both may free the stream. */
    void (*frame)(void *context, const struct en_frame_head *head, const void *payload);
    /* Once: the other side is gone (ENOKI_ECLOSED), spoke nonsense (ENOKI_EPROTO), sent too much
     * (ENOKI_ELIMIT), or there is no memory. Nothing arrives any more. */
    void (*closed)(void *context, int why);
    /* Optional: all that was put is sent. */
    void (*sent)(void *context);
    void *context;
};

/* ENOKI_ENOMEM, ENOKI_EIO */
ENOKI_MUST_CHECK int en_stream_new(struct en_stream **out, struct en_loop *loop,
                                   const struct en_stream_options *options);
/* NULL is allowed; from within its callbacks too. Closes the socket. */
void en_stream_free(struct en_stream *stream);

/* Frames are put here. */
struct en_buffer *en_stream_out(struct en_stream *stream);
/* Has what was put sent. */
void en_stream_send(struct en_stream *stream);
/* The other side has ended: takes what it had sent before, and closes. Not from its callbacks. */
void en_stream_finish(struct en_stream *stream);
/* The same at once, as far as the socket takes it: for the one frame that somebody waits for. */
void en_stream_flush(struct en_stream *stream);
/* Nothing waits to be sent. */
bool en_stream_is_sent(const struct en_stream *stream);

#endif
