#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* At first, and once a read has filled that. */
#define FIRST_BYTES 4096u
#define INPUT_BYTES 65536u
#define KEEP_BYTES 262144u
/* Rounds of reading per wake-up, so that one stream does not starve the others. */
#define READS 16
/* Wake-ups' worth of what the other side had sent before its end: more than a socket holds. Who has
 * its socket too may go on sending for ever. */
#define REST_ROUNDS 64

struct en_stream {
    struct en_stream_options options;
    struct en_watch *watch;
    struct en_soon *soon;
    char *input;
    size_t start, end, cap; /* unread bytes are [start, end) of input */
    size_t input_bytes;     /* that cap should be at least */
    struct en_buffer out;
    size_t sent; /* of out */
    bool is_full; /* the socket is: wait until it takes more; else what waits is sent soon */
    bool in_callback;
    bool freed; /* within a callback */
    bool closed;
};

static void release(struct en_stream *stream)
{
    en_watch_free(stream->watch);
    en_soon_free(stream->soon);
    (void)close(stream->options.fd);
    free(stream->input);
    en_buffer_fini(&stream->out);
    free(stream);
}

void en_stream_free(struct en_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->in_callback)
        stream->freed = true;
    else
        release(stream);
}

static void end(struct en_stream *stream, int why)
{
    if (stream->closed)
        return;
    stream->closed = true;
    en_watch_pause(stream->watch);
    stream->options.closed(stream->options.context, why);
}

static void set_watch(struct en_stream *stream)
{
    if (!stream->closed && en_watch_set(stream->watch, true, stream->is_full) != 0)
        end(stream, ENOKI_ENOMEM);
}

static void receive(struct en_stream *stream);

/* What one call left for the next one. */
static bool has_more(const struct en_stream *stream)
{
    char byte;

    return !stream->closed && !stream->freed &&
           recv(stream->options.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

/* Nothing can be sent any more: what had been sent to us is taken first. */
static void end_after_rest(struct en_stream *stream)
{
    for (int i = 0; i < REST_ROUNDS && has_more(stream); i++)
        receive(stream);
    if (!stream->freed)
        end(stream, ENOKI_ECLOSED);
}

static void flush(struct en_stream *stream)
{
    while (!stream->closed && !en_stream_is_sent(stream)) {
        ssize_t n = send(stream->options.fd, stream->out.data + stream->sent,
                         stream->out.len - stream->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            stream->sent += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            stream->is_full = true;
            break;
        } else if (n >= 0 || errno != EINTR) {
            end_after_rest(stream);
            return;
        }
    }
    if (en_stream_is_sent(stream) && stream->sent > 0) {
        en_buffer_clear(&stream->out, KEEP_BYTES);
        stream->sent = 0;
        stream->is_full = false;
        if (stream->options.sent != NULL && !stream->closed)
            stream->options.sent(stream->options.context);
    }
}

/* Room behind end for a frame of need bytes from start on, or for a read. */
static int make_room(struct en_stream *stream, size_t need)
{
    size_t used = stream->end - stream->start;
    size_t cap = need > stream->input_bytes ? need : stream->input_bytes;
    char *grown;

    if (stream->start > 0) {
        memmove(stream->input, stream->input + stream->start, used);
        stream->start = 0;
        stream->end = used;
    }
    if (cap <= stream->cap && (stream->cap <= KEEP_BYTES || used > 0 || need > KEEP_BYTES))
        return 0;
    grown = realloc(stream->input, cap);
    if (grown == NULL)
        return ENOKI_ENOMEM;
    stream->input = grown;
    stream->cap = cap;
    return 0;
}

/* Hands out the frames that are here whole; *need_out: bytes of the one that is not. */
static int take_frames(struct en_stream *stream, size_t *need_out)
{
    struct en_frame_head head;

    *need_out = 0;
    while (!stream->closed && !stream->freed &&
           stream->end - stream->start >= EN_FRAME_HEAD_BYTES) {
        const char *at = stream->input + stream->start;
        size_t whole;

        if (en_frame_head_read(at, &head) != 0)
            return ENOKI_EPROTO;
        if (head.len > stream->options.max_payload_bytes)
            return ENOKI_ELIMIT;
        whole = (size_t)head.len + EN_FRAME_HEAD_BYTES;
        if (stream->end - stream->start < whole) {
            *need_out = whole;
            break;
        }
        stream->start += whole;
        stream->options.frame(stream->options.context, &head, at + EN_FRAME_HEAD_BYTES);
    }
    return 0;
}

static void receive(struct en_stream *stream)
{
    size_t need = 0;
    int rc = 0;

    for (int i = 0; i < READS && rc == 0 && !stream->closed && !stream->freed; i++) {
        size_t room;
        ssize_t n;

        rc = make_room(stream, need);
        if (rc != 0)
            break;
        room = stream->cap - stream->end;
        n = recv(stream->options.fd, stream->input + stream->end, room, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) {
            rc = ENOKI_ECLOSED;
            break;
        }
        stream->end += (size_t)n;
        rc = take_frames(stream, &need);
        if ((size_t)n < room)
            break; /* that was all */
        stream->input_bytes = INPUT_BYTES;
    }
    if (rc != 0)
        end(stream, rc);
}

static void leave(struct en_stream *stream)
{
    stream->in_callback = false;
    if (stream->freed)
        release(stream);
}

static void on_ready(void *context, bool readable, bool writable)
{
    struct en_stream *stream = context;

    stream->in_callback = true;
    if (writable)
        flush(stream);
    if (readable && !stream->closed && !stream->freed)
        receive(stream);
    if (!stream->freed)
        set_watch(stream);
    leave(stream);
}

void en_stream_finish(struct en_stream *stream)
{
    stream->in_callback = true;
    end_after_rest(stream);
    leave(stream);
}

static void on_soon(void *context)
{
    struct en_stream *stream = context;

    stream->in_callback = true;
    flush(stream);
    if (!stream->freed)
        set_watch(stream);
    leave(stream);
}

int en_stream_new(struct en_stream **out, struct en_loop *loop,
                  const struct en_stream_options *options)
{
    struct en_stream *stream = calloc(1, sizeof(*stream));
    int flags = fcntl(options->fd, F_GETFL);
    int rc;

    if (stream == NULL)
        return ENOKI_ENOMEM;
    stream->options = *options;
    stream->out.max = options->max_unsent_bytes;
    stream->input_bytes = FIRST_BYTES;
    rc = flags < 0 || fcntl(options->fd, F_SETFL, flags | O_NONBLOCK) != 0 ? ENOKI_EIO : 0;
    if (rc == 0)
        rc = en_soon_new(&stream->soon, loop, on_soon, stream);
    if (rc == 0)
        rc = en_watch_new(&stream->watch, loop, options->fd, on_ready, stream);
    if (rc == 0)
        rc = en_watch_set(stream->watch, true, false);
    if (rc != 0) {
        en_watch_free(stream->watch);
        en_soon_free(stream->soon);
        free(stream);
        return rc;
    }
    *out = stream;
    return 0;
}

struct en_buffer *en_stream_out(struct en_stream *stream)
{
    return &stream->out;
}

void en_stream_send(struct en_stream *stream)
{
    if (!stream->closed)
        en_soon_set(stream->soon);
}

void en_stream_flush(struct en_stream *stream)
{
    if (stream->in_callback)
        en_stream_send(stream);
    else
        on_soon(stream);
}

bool en_stream_is_sent(const struct en_stream *stream)
{
    return stream->sent == stream->out.len;
}
