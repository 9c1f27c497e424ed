#include "invoke/connection_state.h"

#include "base/utf8.h"
#include "invoke/linger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* Room for chunk framing and the like beside header and body. */
#define SLACK_BYTES 4096u
/* Bodies up to this are copied behind their head, so that batches leave in one send. */
#define COPY_BYTES 16384u
/* No further call is begun while more than this waits to be sent. */
#define BATCH_BYTES 65536u
/* A refused client gets this much time to read why. */
#define LINGER_MS 1000u

static const char continue_answer[] = "HTTP/1.1 100 Continue\r\n\r\n";

int en_connection_new(struct en_connection **out, int fd,
                      const struct en_connection_options *options, uint64_t now_ms)
{
    const struct enoki_limits *limits = options->limits;
    struct en_connection *c = calloc(1, sizeof(*c));
    size_t max = (size_t)(limits->max_header_bytes + limits->max_body_bytes) + SLACK_BYTES;

    if (c == NULL)
        return ENOKI_ENOMEM;
    c->limits = limits;
    en_input_init(&c->input, options->memory, options->memory != NULL ? options->memory_size : max);
    c->input.budget = options->budget;
    /* What goes in is bounded by whoever makes the replies. */
    c->output.bytes.max = SIZE_MAX - 1;
    c->output.transport = options->transport;
    en_http_reader_init(&c->reader, limits->max_header_bytes, limits->max_body_bytes);
    en_connection_reset(c, fd, now_ms);
    *out = c;
    return 0;
}

static void free_transport(struct en_connection *c)
{
    if (c->output.transport != NULL)
        c->output.transport->ops->free(c->output.transport);
    c->output.transport = NULL;
}

void en_connection_free(struct en_connection *connection)
{
    if (connection == NULL)
        return;
    free_transport(connection);
    if (connection->fd >= 0)
        (void)close(connection->fd);
    en_input_fini(&connection->input);
    en_buffer_fini(&connection->output.bytes);
    free(connection);
}

void en_connection_reset(struct en_connection *connection, int fd, uint64_t now_ms)
{
    struct en_connection *c = connection;

    c->fd = fd;
    c->input.start = c->input.end = 0;
    en_input_shrink(&c->input);
    c->output.sent = c->output.bytes.len = 0;
    en_output_shrink(&c->output);
    c->now_ms = c->idle_since_ms = c->request_since_ms = c->write_since_ms = now_ms;
    c->linger_bytes = 0;
    c->may_read = c->in_call = c->close_after = c->closing = false;
    c->linger = c->lingering = c->continued = false;
    en_http_reader_next(&c->reader);
}

int en_connection_fd(const struct en_connection *connection)
{
    return connection->fd;
}

static bool has_begun(const struct en_connection *c)
{
    const struct en_input *in = &c->input;

    return in->end > in->start && en_http_has_begun(in->data + in->start, in->end - in->start);
}

int en_connection_adopt(struct en_connection *connection, const void *input, size_t input_len,
                        const void *output, size_t output_len, bool close_after)
{
    struct en_input *in = &connection->input;
    size_t old_len = connection->output.bytes.len;
    int rc = en_buffer_append(&connection->output.bytes, output, output_len);

    if (rc == 0 && input_len > 0) {
        rc = en_input_reserve(in, in->end - in->start + input_len);
        if (rc == 0) {
            memcpy(in->data + in->end, input, input_len);
            in->end += input_len;
        } else {
            connection->output.bytes.len = old_len;
        }
    }
    if (rc == 0 && close_after) {
        connection->closing = true;
        connection->linger = true;
    }
    return rc;
}

bool en_connection_is_secure(const struct en_connection *connection)
{
    return connection->output.transport != NULL;
}

bool en_connection_has_continued(const struct en_connection *connection)
{
    return connection->continued;
}

void en_connection_set_continued(struct en_connection *connection, bool continued)
{
    connection->continued = continued;
}

/* --- answers --------------------------------------------------------------------------------- */

/* Puts one answer behind those that wait; a large body leaves at once. On failure, other than of
 * the socket, nothing is left of it. */
static int queue_answer(struct en_connection *c, struct en_http_head *head, const void *body)
{
    struct en_buffer *bytes = &c->output.bytes;
    size_t old_len = bytes->len, body_len = c->reader.head ? 0 : head->content_length;
    bool progress;
    int rc;

    if (old_len == c->output.sent)
        c->write_since_ms = c->now_ms;
    head->date = en_date_text(&c->date, c->now_ms);
    rc = en_http_write_head(bytes, head);
    if (rc != 0)
        return rc;
    if (body_len > COPY_BYTES) {
        rc = en_output_send(&c->output, c->fd, body, body_len, &progress);
        return rc == 0 ? 0 : ENOKI_ECLOSED; /* half an answer is out */
    }
    rc = en_buffer_append(bytes, body, body_len);
    if (rc != 0)
        bytes->len = old_len;
    return rc;
}

static int queue_text(struct en_connection *c, int status, const char *text)
{
    struct en_http_head head = {
        .status = status,
        .content_type = "text/plain; charset=utf-8",
        .content_length = strlen(text),
        .close = true,
    };

    return queue_answer(c, &head, text);
}

static int queue_reply(struct en_connection *c, const struct en_reply *reply, bool close_after)
{
    struct en_http_head head = {
        .status = reply->status,
        .headers = {reply->headers.data, reply->headers.len},
        .content_length = en_http_status_is_bodiless(reply->status) ? 0 : reply->body.len,
        .close = close_after,
    };

    if (!reply->has_content_type && head.content_length > 0)
        head.content_type = en_utf8_is_valid(reply->body.data, reply->body.len)
                                ? "text/plain; charset=utf-8"
                                : "application/octet-stream";
    return queue_answer(c, &head, reply->body.data);
}

static void refuse(struct en_connection *c, int status, const char *reason)
{
    c->closing = true;
    c->linger = true;
    /* Without memory the client sees the connection close, which says the same. */
    if (queue_text(c, status, reason) != 0)
        c->linger = false;
}

/* --- closing --------------------------------------------------------------------------------- */

static enum en_want linger(struct en_connection *c)
{
    return en_linger_read(c->fd, &c->linger_bytes) ? EN_WANT_READ : EN_WANT_CLOSE;
}

static enum en_want finish(struct en_connection *c)
{
    char byte;

    if (c->output.transport != NULL)
        c->output.transport->ops->end(c->output.transport);
    if (!c->linger && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
        return EN_WANT_CLOSE;
    if (shutdown(c->fd, SHUT_WR) != 0)
        return EN_WANT_CLOSE;
    c->lingering = true;
    c->linger_since_ms = c->now_ms;
    return linger(c);
}

/* --- reading --------------------------------------------------------------------------------- */

static enum en_want flush(struct en_connection *c)
{
    bool progress;

    if (en_output_is_empty(&c->output))
        return EN_WANT_READ;
    if (en_output_send(&c->output, c->fd, NULL, 0, &progress) != 0)
        return EN_WANT_CLOSE;
    if (progress)
        c->write_since_ms = c->now_ms;
    return en_output_is_empty(&c->output) ? EN_WANT_READ : EN_WANT_WRITE;
}

/* EN_WANT_CALL if a request is here; EN_WANT_READ if more input is needed, or none any longer. */
static enum en_want next_request(struct en_connection *c)
{
    struct en_input *in = &c->input;
    enum en_want want;

    if (c->closing || in->start == in->end)
        return EN_WANT_READ;
    if (c->output.bytes.len - c->output.sent > BATCH_BYTES) {
        want = flush(c);
        if (want != EN_WANT_READ)
            return want;
    }
    switch (en_http_read(&c->reader, in->data + in->start, in->end - in->start)) {
    case EN_HTTP_REQUEST:
        c->in_call = true;
        return EN_WANT_CALL;
    case EN_HTTP_REFUSED:
        refuse(c, c->reader.status, c->reader.reason);
        return EN_WANT_READ;
    case EN_HTTP_MORE:
        break;
    }
    if (c->reader.expects_continue && !c->continued) {
        c->continued = true;
        /* Without memory the client waits a moment and sends the body all the same. */
        if (en_buffer_append_text(&c->output.bytes, continue_answer) != 0)
            c->continued = false;
    }
    return EN_WANT_READ;
}

static int make_room(struct en_connection *c)
{
    struct en_input *in = &c->input;
    int rc = en_input_reserve(in, c->reader.expected);

    if (rc == ENOKI_ELIMIT) {
        in->end = in->start +
                  en_http_reader_compact(&c->reader, in->data + in->start, in->end - in->start);
        rc = en_input_reserve(in, c->reader.expected);
    }
    return rc;
}

/* As recv(). Who speaks plain text is told so in plain text; a handshake that failed has said why,
 * which the client should have time to read. */
static ssize_t receive_secure(struct en_connection *c, size_t room)
{
    struct en_transport *transport = c->output.transport;
    ssize_t got = transport->ops->receive(transport, c->input.data + c->input.end, room);

    c->may_read = transport->has_more;
    if (got >= 0 || errno == EAGAIN)
        return got;
    if (errno == EPROTONOSUPPORT) {
        free_transport(c);
        refuse(c, 400, "this port speaks TLS: ask with https://\n");
    } else if (!transport->is_open) {
        c->closing = true;
        c->linger = true;
    }
    return got;
}

static ssize_t receive_plain(struct en_connection *c, size_t room)
{
    ssize_t got;

    do {
        got = recv(c->fd, c->input.data + c->input.end, room, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    /* A short read emptied the socket; asking again would only cost a call. */
    c->may_read = got == (ssize_t)room;
    return got;
}

/* What a wait for more input is for: a handshake may have to send first. */
static enum en_want want_input(const struct en_connection *c)
{
    const struct en_transport *transport = c->output.transport;

    return transport != NULL && transport->wants_write ? EN_WANT_WRITE : EN_WANT_READ;
}

/* EN_WANT_READ: look at the input again, unless may_read is false: then wait. */
static enum en_want read_some(struct en_connection *c)
{
    struct en_input *in = &c->input;
    bool begun = has_begun(c);
    int rc = make_room(c);
    ssize_t got;
    size_t room;

    if (rc != 0) {
        refuse(c, rc == ENOKI_ELIMIT ? 413 : 503,
               rc == ENOKI_ELIMIT ? "request too large" : "no memory for this request now");
        return EN_WANT_READ;
    }
    room = in->cap - in->end - 1;
    got = c->output.transport == NULL ? receive_plain(c, room) : receive_secure(c, room);
    if (c->closing)
        return EN_WANT_READ;
    if (got < 0 && errno == EAGAIN && in->start == in->end)
        en_input_release(in); /* who has connected only, and is silent, holds none */
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
        return EN_WANT_CLOSE;
    in->end += got > 0 ? (size_t)got : 0;
    if (!begun)
        c->request_since_ms = c->now_ms;
    return EN_WANT_READ;
}

/* Goes on until a call, or the socket, is needed. */
static enum en_want proceed(struct en_connection *c)
{
    for (;;) {
        enum en_want want = next_request(c);

        if (want == EN_WANT_READ)
            want = flush(c);
        if (want != EN_WANT_READ)
            return want;
        if (c->closing)
            return finish(c);
        if (!c->may_read) {
            en_input_shrink(&c->input);
            en_output_shrink(&c->output);
            return want_input(c);
        }
        want = read_some(c);
        if (want != EN_WANT_READ)
            return want;
    }
}

enum en_want en_connection_advance(struct en_connection *connection, uint64_t now_ms)
{
    connection->now_ms = now_ms;
    if (connection->lingering)
        return linger(connection);
    connection->may_read = true;
    return proceed(connection);
}

const struct en_request *en_connection_request(const struct en_connection *connection)
{
    return &connection->reader.request;
}

enum en_want en_connection_reply(struct en_connection *connection, const struct en_reply *reply,
                                 uint64_t now_ms)
{
    struct en_connection *c = connection;
    bool close_after = c->close_after || c->reader.close;
    int rc;

    c->now_ms = now_ms;
    rc = queue_reply(c, reply, close_after);
    if (rc != 0 && rc != ENOKI_ECLOSED) {
        close_after = true;
        rc = queue_text(c, 500, "out of memory for the answer\n");
    }
    if (rc != 0)
        return EN_WANT_CLOSE;

    en_input_consume(&c->input, c->reader.consumed);
    en_http_reader_next(&c->reader);
    c->in_call = false;
    c->continued = false;
    c->idle_since_ms = now_ms;
    c->request_since_ms = now_ms;
    if (close_after) {
        c->closing = true;
        c->linger = c->may_read || c->input.start < c->input.end;
    }
    return proceed(c);
}

enum en_want en_connection_flush(struct en_connection *connection)
{
    return flush(connection);
}

void en_connection_close_after(struct en_connection *connection)
{
    connection->close_after = true;
}

/* --- time ------------------------------------------------------------------------------------ */

static uint64_t add_ms(uint64_t since_ms, uint64_t span_ms)
{
    return span_ms > UINT64_MAX - 1 - since_ms ? UINT64_MAX - 1 : since_ms + span_ms;
}

uint64_t en_connection_deadline(const struct en_connection *connection)
{
    const struct en_connection *c = connection;

    if (c->in_call)
        return UINT64_MAX;
    if (c->lingering)
        return add_ms(c->linger_since_ms, LINGER_MS);
    if (!en_output_is_empty(&c->output))
        return add_ms(c->write_since_ms, c->limits->request_timeout_ms);
    if (has_begun(c))
        return add_ms(c->request_since_ms, c->limits->request_timeout_ms);
    if (c->output.transport != NULL && !c->output.transport->is_open)
        return add_ms(c->idle_since_ms, c->limits->request_timeout_ms);
    return add_ms(c->idle_since_ms, c->limits->idle_timeout_ms);
}

enum en_want en_connection_expire(struct en_connection *connection, uint64_t now_ms)
{
    struct en_connection *c = connection;

    c->now_ms = now_ms;
    if (now_ms < en_connection_deadline(c))
        return en_output_is_empty(&c->output) ? EN_WANT_READ : EN_WANT_WRITE;
    if (c->lingering || c->closing || !en_output_is_empty(&c->output) || !has_begun(c))
        return EN_WANT_CLOSE;
    refuse(c, 408, "the request took too long\n");
    return proceed(c);
}

/* --- handing over ---------------------------------------------------------------------------- */

bool en_connection_is_idle(const struct en_connection *connection)
{
    const struct en_connection *c = connection;

    return !c->in_call && !c->closing && en_output_is_empty(&c->output) && !has_begun(c);
}

bool en_connection_lingers(const struct en_connection *connection)
{
    return connection->lingering;
}

void en_connection_pending(const struct en_connection *connection, const void **input,
                           size_t *input_len, const void **output, size_t *output_len,
                           bool *close_after)
{
    const struct en_connection *c = connection;
    size_t start = c->input.start + (c->in_call ? c->reader.consumed : 0);

    *input = c->input.data == NULL ? "" : c->input.data + start;
    *input_len = c->input.end - start;
    *output = c->output.bytes.data == NULL ? "" : c->output.bytes.data + c->output.sent;
    *output_len = c->output.bytes.len - c->output.sent;
    *close_after = c->closing || (c->in_call && (c->close_after || c->reader.close));
}
