#include "invoke/connection_state.h"

#include <errno.h>
#include <sys/socket.h>

#define DISCARD_BYTES 4096u
#define CHUNK_LINE_BYTES 24u

int en_connection_stream_begin(struct en_connection *connection, const struct en_reply *head,
                               uint64_t now_ms)
{
    struct en_connection *c = connection;
    struct en_http_head line = {
        .status = head->status,
        .date = en_date_text(&c->date, now_ms),
        .headers = {head->headers.data, head->headers.len},
        .is_chunked = !c->reader.http_1_0,
        .is_endless = true,
        .close = true,
    };
    int rc = en_http_write_head(&c->output.bytes, &line);

    if (rc != 0)
        return rc;
    c->is_chunked = line.is_chunked;
    c->write_since_ms = c->now_ms = now_ms;
    /* The connection ends with this answer: nothing behind the request is ever looked at. */
    c->input.start = c->input.end = 0;
    return 0;
}

static int append_chunk(struct en_connection *c, const void *data, size_t len)
{
    struct en_buffer *out = &c->output.bytes;
    size_t old_len = out->len;
    int rc = en_buffer_reserve(out, len + CHUNK_LINE_BYTES);

    if (rc == 0 && c->is_chunked)
        rc = en_buffer_appendf(out, "%zx\r\n", len);
    if (rc == 0)
        rc = en_buffer_append(out, data, len);
    if (rc == 0 && c->is_chunked)
        rc = en_buffer_append(out, "\r\n", 2);
    if (rc != 0)
        out->len = old_len;
    return rc;
}

enum en_want en_connection_stream_write(struct en_connection *connection, const void *data,
                                        size_t len, uint64_t now_ms)
{
    connection->now_ms = now_ms;
    /* An empty chunk would be the last one. */
    if (len > 0 && append_chunk(connection, data, len) != 0)
        return EN_WANT_CLOSE;
    return en_connection_flush(connection);
}

size_t en_connection_unsent(const struct en_connection *connection)
{
    return connection->output.bytes.len - connection->output.sent;
}

/* Bytes that were thrown away, 0 if nothing is there now, -1 at the end. */
static ssize_t discard(struct en_connection *c)
{
    struct en_transport *transport = c->output.transport;
    char scrap[DISCARD_BYTES];
    ssize_t got = transport != NULL ? transport->ops->receive(transport, scrap, sizeof(scrap))
                                    : recv(c->fd, scrap, sizeof(scrap), MSG_DONTWAIT);

    if (got > 0)
        return got;
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

enum en_want en_connection_stream_advance(struct en_connection *connection, uint64_t now_ms)
{
    connection->now_ms = now_ms;
    if (discard(connection) < 0)
        return EN_WANT_CLOSE;
    return en_connection_flush(connection);
}

enum en_want en_connection_stream_end(struct en_connection *connection, uint64_t now_ms)
{
    struct en_connection *c = connection;

    if (c->is_chunked && en_buffer_append_text(&c->output.bytes, "0\r\n\r\n") != 0)
        return EN_WANT_CLOSE;
    c->in_call = false;
    c->closing = true;
    return en_connection_advance(c, now_ms);
}
