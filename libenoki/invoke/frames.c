#include "invoke/frames.h"

#include "base/clock.h"
#include "invoke/direct.h"
#include "net/pass.h"
#include "net/stream.h"
#include "wire/frame_invoke.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Beside the body: the head of a call. */
#define CALL_EXTRA_BYTES (1u << 20)
#define PEERS_MAX 4096u
#define TOO_LONG "the call is longer than the function takes (limits.body)"
/* Connections taken per wake-up, so that calls are not starved by many that come. */
#define TAKE_BATCH 64

struct peer {
    struct en_frames *frames;
    struct en_stream *stream; /* NULL: closed, calls are still open */
    struct peer *previous, *next;
    uint64_t open;       /* calls without an answer */
    uint64_t last_taken; /* the highest number of a call */
    int fd;              /* the stream's */
    bool greeted;
    bool is_retired; /* told to go elsewhere: what it sends is not taken any more */
    char function[]; /* of a front door's: whose calls they are */
};

struct en_frames {
    struct en_frames_options options;
    struct enoki_server *server;
    struct peer *door;  /* NULL: gone */
    struct peer *peers; /* all, the door too */
    size_t peer_count;
    struct en_watch *arrivals;
    bool is_drained;
};

/* One call that waits for its answer. */
struct waiting {
    struct en_waiter waiter; /* first */
    struct peer *peer;
    uint64_t call;
};

static void unlink_peer(struct peer *peer)
{
    struct en_frames *frames = peer->frames;

    if (peer->previous != NULL)
        peer->previous->next = peer->next;
    else
        frames->peers = peer->next;
    if (peer->next != NULL)
        peer->next->previous = peer->previous;
    frames->peer_count--;
    free(peer);
}

/* Why a connection ends that is about to, as far as its socket takes it. */
static void tell_limit(const struct peer *peer)
{
    struct en_buffer bytes = EN_BUFFER_INIT(2 * ENOKI_ERROR_MESSAGE_BYTES);

    if (en_frame_failed_put(&bytes, 0, ENOKI_ELIMIT, TOO_LONG) == 0)
        (void)send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    en_buffer_fini(&bytes);
}

static void on_closed(void *context, int why)
{
    struct peer *peer = context;
    struct en_frames *frames = peer->frames;
    bool is_door = peer == frames->door;

    if (why == ENOKI_ELIMIT && !is_door)
        tell_limit(peer);
    else if (why == ENOKI_EPROTO || why == ENOKI_ELIMIT)
        en_log(en_server_log(frames->server), ENOKI_LOG_ERROR,
               "a connection of frames ends: what arrived %s",
               why == ENOKI_EPROTO ? "is no frame" : "is too long");
    en_stream_free(peer->stream);
    peer->stream = NULL;
    if (is_door)
        frames->door = NULL;
    if (peer->open == 0)
        unlink_peer(peer);
    if (is_door)
        en_server_drain(frames->server);
}

/* Puts one frame; without memory the connection ends: its other side would wait for ever. */
static void sent(struct peer *peer, int rc)
{
    if (rc != 0)
        on_closed(peer, rc);
    else if (peer == peer->frames->door)
        en_stream_send(peer->stream); /* with what else goes there */
    else
        en_stream_flush(peer->stream);
}

/* From now on what has a higher number than the last call is not taken, and the peer knows it. */
static int put_retire(struct peer *peer)
{
    peer->is_retired = true;
    return en_frame_empty_put(en_stream_out(peer->stream), EN_FRAME_RETIRE, peer->last_taken);
}

static void put_answer(struct peer *peer, uint64_t call, const struct en_reply *reply)
{
    int rc = en_reply_put_answer(en_stream_out(peer->stream), call, reply);

    if (rc == 0 && peer->frames->options.find != NULL && !peer->is_retired)
        rc = put_retire(peer);
    sent(peer, rc);
}

/* A call that is not run. */
static void put_failure(struct peer *peer, uint64_t call, int status, const char *sentence)
{
    sent(peer, en_frame_failed_put(en_stream_out(peer->stream), call, status, sentence));
}

static void on_answer(struct en_waiter *waiter, const struct en_reply *reply)
{
    struct waiting *waiting = (struct waiting *)(void *)waiter;
    struct peer *peer = waiting->peer;

    peer->open--;
    if (peer->stream != NULL && reply != NULL)
        put_answer(peer, waiting->call, reply);
    else if (peer->stream == NULL && peer->open == 0)
        unlink_peer(peer);
    free(waiting);
}

/* A caller that waits for one call gets nothing else meanwhile but RETIRE, which is sent at once.
 */
static int lend(struct en_waiter *waiter, uint64_t *call_out)
{
    const struct waiting *waiting = (struct waiting *)(void *)waiter;
    const struct peer *peer = waiting->peer;

    *call_out = waiting->call;
    return peer->stream != NULL && peer->open == 1 && en_stream_is_sent(peer->stream) ? peer->fd
                                                                                      : -1;
}

static void refuse(struct peer *peer, uint64_t call, int why)
{
    struct en_reply reply;

    en_reply_init(&reply, ENOKI_ERROR_MESSAGE_BYTES);
    en_client_answer(EN_ROUTE_CALL, why, &reply);
    put_answer(peer, call, &reply);
    en_reply_fini(&reply);
}

/* What a call is for. False: there is no such function. */
static bool find_target(const struct peer *peer, const struct en_site **site,
                        struct en_target *target)
{
    const struct en_frames *frames = peer->frames;
    const struct enoki_function_settings *function;

    if (frames->options.find != NULL)
        return frames->options.find(frames->options.context,
                                    (struct en_text){peer->function, strlen(peer->function)}, site,
                                    target);
    function = enoki_runtime_function(enoki_server_runtime(frames->server));
    target->function = function->name;
    target->timeout_ms = function->limits.call_timeout_ms;
    *site = en_server_own_site(frames->server);
    return true;
}

static void submit(struct peer *peer, uint64_t call, const struct en_frame_call *frame)
{
    const struct en_request request = {.method = frame->method,
                                       .path = frame->subpath,
                                       .query = frame->query,
                                       .body = frame->body,
                                       .headers = frame->headers,
                                       .header_count = frame->header_count};
    const struct en_frames *frames = peer->frames;
    struct en_target target = {.subpath = frame->subpath};
    const struct en_site *site = NULL;
    struct waiting *waiting;
    int rc;

    peer->last_taken = call;
    /* The front door has looked at its own calls; at those that come past it nobody has. */
    if (frames->options.find == NULL && peer != frames->door &&
        frame->body.len > en_server_limits(frames->server)->max_body_bytes) {
        put_failure(peer, call, ENOKI_ELIMIT, TOO_LONG);
        return;
    }
    if (!find_target(peer, &site, &target)) {
        put_failure(peer, call, ENOKI_ENOTFOUND, "there is no such function on this node");
        return;
    }
    if (frame->time_ms < target.timeout_ms)
        target.timeout_ms = frame->time_ms;
    /* Who asks a front door for an asynchronous call waits for its acceptance only. */
    target.wants_ack = frame->is_async && frames->options.find != NULL;
    waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        refuse(peer, call, ENOKI_ENOMEM);
        return;
    }
    *waiting = (struct waiting){{.answer = on_answer}, peer, call};
    if (peer != frames->door)
        waiting->waiter.lend = lend;
    peer->open++;
    rc = en_server_submit(frames->server, site, &waiting->waiter, &request, &target);
    if (rc == 0)
        return;
    peer->open--;
    free(waiting);
    refuse(peer, call, rc);
}

static void on_hello(struct peer *peer, struct en_frame_reader *reader)
{
    int rc;

    if (peer->greeted || en_frame_hello_take(reader) != 0) {
        on_closed(peer, ENOKI_EPROTO);
        return;
    }
    peer->greeted = true;
    rc = en_frame_empty_put(en_stream_out(peer->stream), EN_FRAME_READY, 0);
    if (rc == 0 && peer->frames->is_drained)
        rc = put_retire(peer);
    sent(peer, rc);
}

static void on_call(struct peer *peer, const struct en_frame_head *head,
                    struct en_frame_reader *reader)
{
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_call call;

    if (en_frame_call_take(reader, &call, headers) != 0)
        on_closed(peer, ENOKI_EPROTO);
    else if (!peer->is_retired)
        submit(peer, head->call, &call);
}

static void on_frame(void *context, const struct en_frame_head *head, const void *payload)
{
    struct peer *peer = context;
    struct en_frame_reader reader = {payload, head->len, false};

    if (head->type == EN_FRAME_HELLO)
        on_hello(peer, &reader);
    else if (head->type == EN_FRAME_CALL && peer->greeted)
        on_call(peer, head, &reader);
    else if (head->type == EN_FRAME_RETIRE && peer == peer->frames->door)
        en_frames_drain(peer->frames);
    else if (head->type != EN_FRAME_CANCEL)
        on_closed(peer, ENOKI_EPROTO);
}

static void on_sent(void *context)
{
    const struct peer *peer = context;

    en_server_check(peer->frames->server);
}

static int add_peer(struct en_frames *frames, int fd, struct en_text function, struct peer **out)
{
    const struct enoki_limits *limits = en_server_limits(frames->server);
    struct peer *peer = calloc(1, sizeof(*peer) + function.len + 1);
    const struct en_stream_options options = {
        .fd = fd,
        .max_payload_bytes = (size_t)limits->max_body_bytes + CALL_EXTRA_BYTES,
        .max_unsent_bytes = SIZE_MAX / 4,
        .frame = on_frame,
        .closed = on_closed,
        .sent = on_sent,
        .context = peer,
    };
    int rc;

    if (peer == NULL)
        return ENOKI_ENOMEM;
    rc = en_stream_new(&peer->stream, en_server_loop(frames->server), &options);
    if (rc != 0) {
        free(peer);
        return rc;
    }
    peer->frames = frames;
    peer->fd = fd;
    if (function.len > 0)
        memcpy(peer->function, function.data, function.len);
    peer->next = frames->peers;
    if (frames->peers != NULL)
        frames->peers->previous = peer;
    frames->peers = peer;
    frames->peer_count++;
    *out = peer;
    return 0;
}

int en_frames_add(struct en_frames *frames, int fd, struct en_text function)
{
    struct peer *peer;

    if (!en_pass_is_stream(fd))
        return ENOKI_EIO;
    return frames->peer_count > PEERS_MAX ? ENOKI_ELIMIT : add_peer(frames, fd, function, &peer);
}

static void on_arrival(void *context, bool readable, bool writable)
{
    struct en_frames *frames = context;
    int got = 1;

    (void)readable;
    (void)writable;
    for (int i = 0; i < TAKE_BATCH && got > 0; i++) {
        char mark;
        int fd;

        got = en_pass_receive(frames->options.peers, &mark, 1, &fd);
        /* Who passed it sees that nobody took anything, and goes another way. */
        if (fd >= 0 && en_frames_add(frames, fd, (struct en_text){"", 0}) != 0)
            (void)close(fd);
    }
    if (got < 0)
        en_watch_pause(frames->arrivals);
}

int en_frames_new(struct en_frames **out, const struct en_frames_options *options)
{
    struct en_frames *frames = calloc(1, sizeof(*frames));
    struct en_loop *loop = en_server_loop(options->server);
    struct peer *peer = NULL;
    int rc = 0;

    if (frames == NULL)
        return ENOKI_ENOMEM;
    frames->options = *options;
    frames->server = options->server;
    if (options->door >= 0)
        rc = add_peer(frames, options->door, (struct en_text){"", 0}, &peer);
    if (rc == 0 && options->peers >= 0)
        rc = en_watch_new(&frames->arrivals, loop, options->peers, on_arrival, frames);
    if (rc == 0 && options->peers >= 0)
        rc = en_watch_set(frames->arrivals, true, false);
    if (rc != 0) {
        en_frames_free(frames);
        return rc;
    }
    if (peer != NULL)
        peer->greeted = true; /* START came before this process forked */
    frames->door = peer;
    *out = frames;
    return 0;
}

void en_frames_free(struct en_frames *frames)
{
    if (frames == NULL)
        return;
    en_watch_free(frames->arrivals);
    while (frames->peers != NULL) {
        en_stream_free(frames->peers->stream);
        unlink_peer(frames->peers);
    }
    free(frames);
}

static void tell(struct en_frames *frames, enum en_frame_type type)
{
    if (frames->door != NULL)
        sent(frames->door, en_frame_empty_put(en_stream_out(frames->door->stream), type, 0));
}

void en_frames_tell_ready(struct en_frames *frames)
{
    tell(frames, EN_FRAME_READY);
}

void en_frames_tell_retiring(struct en_frames *frames)
{
    tell(frames, EN_FRAME_RETIRE);
}

/* Those that still arrive are told so once they say HELLO. */
void en_frames_drain(struct en_frames *frames)
{
    struct peer *next;

    frames->is_drained = true;
    for (struct peer *peer = frames->peers; peer != NULL; peer = next) {
        next = peer->next;
        if (peer != frames->door && peer->stream != NULL && peer->greeted && !peer->is_retired)
            sent(peer, put_retire(peer));
    }
}

bool en_frames_are_sent(const struct en_frames *frames)
{
    for (const struct peer *peer = frames->peers; peer != NULL; peer = peer->next) {
        if (peer->stream != NULL && !en_stream_is_sent(peer->stream))
            return false;
    }
    return true;
}
