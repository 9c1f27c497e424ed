/*
 * connection_pair.h - a connection and its client on a socket pair, without a server.
 *
 * The connection echoes: each call is answered with "METHOD PATH BODY", or, where the path says
 * so, otherwise (see answer()).
 *
 * Threads  one thread at a time.
 */
#ifndef TESTING_CONNECTION_PAIR_H
#define TESTING_CONNECTION_PAIR_H

#include "invoke/connection.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIR_HEADER_BYTES 8192u
#define PAIR_BODY_BYTES (1u << 20)

struct pair {
    struct enoki_limits limits;
    struct en_connection *connection;
    struct en_reply reply;
    enum en_want want;
    unsigned calls;
    uint64_t now_ms;
    int client;
    char *got; /* all that the client received */
    size_t got_len;
    size_t got_cap;
    bool got_end;
};

static inline void pair_start_in(struct pair *p, void *memory, size_t memory_size)
{
    struct en_connection_options options = {
        .limits = &p->limits, .memory = memory, .memory_size = memory_size};
    int ends[2];

    memset(p, 0, sizeof(*p));
    p->limits.max_header_bytes = PAIR_HEADER_BYTES;
    p->limits.max_body_bytes = PAIR_BODY_BYTES;
    p->limits.idle_timeout_ms = 60000;
    p->limits.request_timeout_ms = 20000;
    p->now_ms = 1000000;
    p->want = EN_WANT_READ;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    p->client = ends[1];
    en_reply_init(&p->reply, 16 << 20);
    ck_assert_int_eq(en_connection_new(&p->connection, ends[0], &options, p->now_ms), 0);
}

static inline void pair_start(struct pair *p)
{
    pair_start_in(p, NULL, 0);
}

static inline void pair_stop(struct pair *p)
{
    en_connection_free(p->connection);
    en_reply_fini(&p->reply);
    if (p->client >= 0)
        (void)close(p->client);
    free(p->got);
}

static inline void answer(struct pair *p)
{
    const struct en_request *request = en_connection_request(p->connection);
    struct en_reply *reply = &p->reply;

    en_reply_reset(reply);
    p->calls++;
    if (strcmp(request->path.data, "/large") == 0) {
        ck_assert_int_eq(en_buffer_reserve(&reply->body, 8 << 20), 0);
        memset(reply->body.data, 'L', 8 << 20);
        reply->body.len = 8 << 20;
    } else if (strcmp(request->path.data, "/binary") == 0) {
        ck_assert_int_eq(en_buffer_append(&reply->body, "\xff\0x", 3), 0);
    } else if (strcmp(request->path.data, "/204") == 0) {
        reply->status = 204;
    } else if (strcmp(request->path.data, "/typed") == 0) {
        ck_assert_int_eq(en_reply_add_header(reply, "Content-Type", "a/b", NULL), 0);
        ck_assert_int_eq(en_buffer_append_text(&reply->body, "typed"), 0);
    } else if (strcmp(request->path.data, "/empty") != 0) {
        ck_assert_int_eq(
            en_buffer_appendf(&reply->body, "%s %s ", request->method.data, request->path.data), 0);
        ck_assert_int_eq(en_buffer_append(&reply->body, request->body.data, request->body.len), 0);
        ck_assert_int_eq(request->body.data[request->body.len], '\0');
    }
}

/* Lets the connection go on until it waits for its socket. */
static inline void pair_run(struct pair *p)
{
    p->want = en_connection_advance(p->connection, p->now_ms);
    while (p->want == EN_WANT_CALL) {
        answer(p);
        p->want = en_connection_reply(p->connection, &p->reply, p->now_ms);
    }
}

/* Takes what has arrived at the client. */
static inline void pair_receive(struct pair *p)
{
    for (;;) {
        ssize_t got;

        if (p->got_cap - p->got_len < 65537) {
            p->got_cap = p->got_cap * 2 + 65537;
            p->got = realloc(p->got, p->got_cap);
            ck_assert_ptr_nonnull(p->got);
        }
        got = read(p->client, p->got + p->got_len, 65536);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            p->got_end = true;
        p->got_len += got > 0 ? (size_t)got : 0;
        p->got[p->got_len] = '\0';
        if (got <= 0)
            return;
    }
}

static inline void pair_send_bytes(struct pair *p, const void *bytes, size_t len)
{
    ck_assert_int_eq(send(p->client, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void pair_send(struct pair *p, const char *text)
{
    pair_send_bytes(p, text, strlen(text));
}

/* The client sends this, the connection answers what it can, the client reads it. */
static inline void pair_say(struct pair *p, const char *text)
{
    pair_send(p, text);
    pair_run(p);
    pair_receive(p);
}

/* Everything that was received, without the Date lines. */
static inline const char *pair_got(struct pair *p)
{
    char *line;

    if (p->got == NULL)
        return "";
    while ((line = strstr(p->got, "Date: ")) != NULL) {
        size_t len = strlen("Date: Tue, 24 Nov 2026 00:17:00 GMT\r\n");

        ck_assert_int_eq(line[len - 1], '\n');
        memmove(line, line + len, p->got_len - (size_t)(line - p->got) - len + 1);
        p->got_len -= len;
    }
    return p->got;
}

#define TEXT_REPLY(length, body)                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " length        \
    "\r\n\r\n" body
#define LAST_REPLY(length, body)                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " length        \
    "\r\nConnection: close\r\n\r\n" body

#endif
