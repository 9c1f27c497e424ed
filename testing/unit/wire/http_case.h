/*
 * http_case.h - reads one request text in one piece and split at every byte, and compares.
 *
 * Threads  one thread at a time.
 */
#ifndef TESTING_HTTP_CASE_H
#define TESTING_HTTP_CASE_H

#include "wire/http_reader.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE_HEADER_BYTES 1024u
#define CASE_BODY_BYTES 2048u
#define CASE_ROOM 65536u

/* A reader and the memory it reads from. */
struct http_case {
    struct en_http_reader reader;
    enum en_http_result result;
    char data[CASE_ROOM];
};

/* Feeds the first piece_len bytes alone, then all of them. */
static inline void case_read_in_two(struct http_case *c, const char *text, size_t len,
                                    size_t piece_len)
{
    ck_assert_uint_lt(len, sizeof(c->data));
    memset(c->data, 'Z', sizeof(c->data));
    memcpy(c->data, text, len);
    en_http_reader_init(&c->reader, CASE_HEADER_BYTES, CASE_BODY_BYTES);
    c->result = EN_HTTP_MORE;
    if (piece_len < len)
        c->result = en_http_read(&c->reader, c->data, piece_len);
    if (c->result == EN_HTTP_MORE)
        c->result = en_http_read(&c->reader, c->data, len);
}

static inline struct http_case *case_read_bytes(const char *text, size_t len)
{
    struct http_case *c = calloc(1, sizeof(*c));

    ck_assert_ptr_nonnull(c);
    case_read_in_two(c, text, len, len);
    return c;
}

static inline struct http_case *case_read(const char *text)
{
    return case_read_bytes(text, strlen(text));
}

/* The text is refused with this status, however it is split. */
static inline void assert_refused_bytes(const char *text, size_t len, int status)
{
    struct http_case *c = case_read_bytes(text, len);

    for (size_t i = 0; i <= len; i++) {
        case_read_in_two(c, text, len, i);
        ck_assert_msg(c->result == EN_HTTP_REFUSED, "split at %zu: result %d", i, (int)c->result);
        ck_assert_int_eq(c->reader.status, status);
        ck_assert_uint_gt(strlen(c->reader.reason), 0);
    }
    free(c);
}

static inline void assert_refused(const char *text, int status)
{
    assert_refused_bytes(text, strlen(text), status);
}

static inline void assert_text(struct en_text text, const char *expected)
{
    ck_assert_str_eq(text.data, expected);
    ck_assert_uint_eq(text.len, strlen(expected));
}

/* The whole text is one request with that target and body, however it is split. */
static inline void assert_request(const char *text, const char *path, const char *query,
                                  const char *body)
{
    size_t len = strlen(text);
    struct http_case *c = case_read(text);

    for (size_t i = 0; i <= len; i++) {
        case_read_in_two(c, text, len, i);
        ck_assert_msg(c->result == EN_HTTP_REQUEST, "split at %zu: result %d %s", i, (int)c->result,
                      c->reader.reason);
        ck_assert_uint_eq(c->reader.consumed, len);
        assert_text(c->reader.request.path, path);
        assert_text(c->reader.request.query, query);
        assert_text(c->reader.request.body, body);
    }
    free(c);
}

#endif
