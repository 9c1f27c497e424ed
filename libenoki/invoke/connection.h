/*
 * connection.h - one HTTP/1.1 connection on a non-blocking socket, without an event loop: whoever
 * owns it calls en_connection_advance() when the socket is ready and does what the answer says.
 *
 *   want = en_connection_advance(c, now);
 *   while (want == EN_WANT_CALL)
 *       want = en_connection_reply(c, run(en_connection_request(c)), now);
 *   then: EN_WANT_READ, EN_WANT_WRITE: wait for the socket; EN_WANT_CLOSE: en_connection_free(c).
 *
 * The same code reads calls in the threads of enoki-thread, in the workers of enoki-prefork and in
 * the parent. Reading and writing never block. Errors of the client (400, 408, 413, 417, 431, 505)
 * are answered here, and 503 if there is no memory or budget for a request; every one of them
 * closes the connection after its answer.
 *
 * Memory   Input and output are contiguous; they grow up to the limits. With options.memory the
 *          input lives in that block instead (memory shared with another process). With
 *          options.transport it goes through that; the handshake is bounded by the request timeout.
 * Time     milliseconds, monotonic, passed in.
 * Threads  one thread at a time; a connection may move between threads.
 * Fork     a connection belongs to one process; its socket may be duplicated.
 */
#ifndef EN_CONNECTION_H
#define EN_CONNECTION_H

#include "base/transport.h"
#include "invoke/input.h"
#include "invoke/request.h"

#include <enoki/config.h>

enum en_want {
    EN_WANT_READ,  /* wait until the socket is readable */
    EN_WANT_WRITE, /* wait until it is writable */
    EN_WANT_CALL,  /* a whole request is here: answer it with en_connection_reply() */
    EN_WANT_CLOSE, /* over: free the connection */
};

struct en_connection;

struct en_connection_options {
    const struct enoki_limits *limits; /* with defaults filled in; borrowed as long as it lives */
    void *memory;                      /* NULL: input on the heap */
    size_t memory_size;                /* at least max_header_bytes + max_body_bytes + 4096 */
    struct en_transport *transport;    /* NULL: the socket itself; consumed on success */
    struct en_input_budget *budget;    /* of the input on the heap; NULL: none; borrowed */
};

/* fd becomes the connection's and is closed by en_connection_free(); on failure it is the
 * caller's. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_connection_new(struct en_connection **out, int fd,
                                       const struct en_connection_options *options,
                                       uint64_t now_ms);
/* NULL is allowed. */
void en_connection_free(struct en_connection *connection);

/* Uses the same object and its buffers for another socket (a worker serves many connections one
 * after the other). The former socket is not closed. */
void en_connection_reset(struct en_connection *connection, int fd, uint64_t now_ms);

/* There is a transport: nobody else can go on with the socket. */
bool en_connection_is_secure(const struct en_connection *connection);

int en_connection_fd(const struct en_connection *connection);

/* Gives input that somebody else has read already, output that he has not yet sent, and whether
 * to close after it. Before the first advance. ENOKI_ENOMEM, ENOKI_ELIMIT */
ENOKI_MUST_CHECK int en_connection_adopt(struct en_connection *connection, const void *input,
                                         size_t input_len, const void *output, size_t output_len,
                                         bool close_after);

/* True if 100 (Continue) was sent for a request that is not yet here as a whole; and to say so of
 * what was adopted, so that the client is not asked twice. */
bool en_connection_has_continued(const struct en_connection *connection);
void en_connection_set_continued(struct en_connection *connection, bool continued);

/* Reads and writes as far as it goes without blocking. After EN_WANT_CALL do not call it until the
 * reply is given. */
enum en_want en_connection_advance(struct en_connection *connection, uint64_t now_ms);

/* After EN_WANT_CALL: the request; borrowed until en_connection_reply() or _free(). Requests after
 * it wait in the buffer. */
const struct en_request *en_connection_request(const struct en_connection *connection);

/* Answers the request: writes head and body (no body for HEAD), then goes on like advance with what
 * is in the buffer already; one send for a batch of pipelined answers. reply is borrowed for the
 * call. */
enum en_want en_connection_reply(struct en_connection *connection, const struct en_reply *reply,
                                 uint64_t now_ms);

/* Instead of en_connection_reply(), an answer that is sent as it comes: its head, a part at a time,
 * its end. The connection closes after it; what the client sends meanwhile is thrown away.
 * begin: ENOKI_ENOMEM, ENOKI_ELIMIT: nothing was written. write and advance (the socket is ready):
 * EN_WANT_READ: all is out, EN_WANT_WRITE: not yet, EN_WANT_CLOSE: the client is gone, or there is
 * no memory. After end: as en_connection_advance(). */
ENOKI_MUST_CHECK int en_connection_stream_begin(struct en_connection *connection,
                                                const struct en_reply *head, uint64_t now_ms);
enum en_want en_connection_stream_write(struct en_connection *connection, const void *data,
                                        size_t len, uint64_t now_ms);
enum en_want en_connection_stream_advance(struct en_connection *connection, uint64_t now_ms);
enum en_want en_connection_stream_end(struct en_connection *connection, uint64_t now_ms);
/* Bytes that wait for the socket. */
size_t en_connection_unsent(const struct en_connection *connection);

/* Sends the answers that wait, as far as the socket takes them: before a call that may take long,
 * or that may take this process down. EN_WANT_READ: all is out; EN_WANT_WRITE: not all, which is no
 * reason to stop; EN_WANT_CLOSE: the client is gone. Allowed while a call is in progress. */
enum en_want en_connection_flush(struct en_connection *connection);

/* The connection closes after the answer to the request in progress (draining). */
void en_connection_close_after(struct en_connection *connection);

/* When en_connection_expire() has something to do unless the connection advances before: the idle,
 * request or write timeout. UINT64_MAX while a call is in progress. */
uint64_t en_connection_deadline(const struct en_connection *connection);

/* The deadline passed: answers 408 if a request has begun, else just closes. */
enum en_want en_connection_expire(struct en_connection *connection, uint64_t now_ms);

/* True between requests: nothing half read, nothing unsent. */
bool en_connection_is_idle(const struct en_connection *connection);

/* True if all is answered, and what the client still sends is only read for it to get the answer.
 */
bool en_connection_lingers(const struct en_connection *connection);

/* What was read and belongs to no request that was handed out, so that somebody else can go on
 * behind the request in progress or at a half-read one (whose bytes are as they were sent, or an
 * equal chunked form); what is to be sent; and whether to close after that, or after the answer to
 * the request in progress. Borrowed until the next call. */
void en_connection_pending(const struct en_connection *connection, const void **input,
                           size_t *input_len, const void **output, size_t *output_len,
                           bool *close_after);

#endif
