/*
 * http_reader.h - reads HTTP/1.1 requests, strictly as RFC 9112 has them, where they lie.
 *
 *   en_http_reader_init(&reader, max_header_bytes, max_body_bytes);
 *   result = en_http_read(&reader, data, len);         data: where the request begins
 *   EN_HTTP_MORE: call again with the same bytes and more behind them; they may have moved
 *   EN_HTTP_REQUEST: use reader.request; the next one begins at data + reader.consumed:
 *       en_http_reader_next(&reader)
 *   EN_HTTP_REFUSED: answer reader.status with reader.reason, close
 *
 * What has been scanned is not scanned again. Until a request is complete its bytes are left as
 * they are; then the views are made in place: delimiters become NULs, a chunked body is joined, a
 * body that another request follows moves one byte to the left. What follows is never touched.
 * Headers that are meant for us only (hop by hop) are not among the request's.
 *
 * Memory   no allocation. data[len] must be writable. Views are borrowed until data is changed.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_HTTP_READER_H
#define EN_HTTP_READER_H

#include "wire/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum en_http_result {
    EN_HTTP_MORE,
    EN_HTTP_REQUEST,
    EN_HTTP_REFUSED,
};

enum en_http_phase {
    EN_HTTP_START,
    EN_HTTP_HEADERS,
    EN_HTTP_BODY,
    EN_HTTP_CHUNK_SIZE,
    EN_HTTP_CHUNK_DATA,
    EN_HTTP_TRAILERS,
    EN_HTTP_DONE,
};

/* A part of the input, as an offset, because the input may move until the request is complete. */
struct en_http_span {
    uint32_t at;
    uint32_t len;
};

struct en_http_field {
    struct en_http_span name;
    struct en_http_span value;
};

struct en_http_reader {
    /* After EN_HTTP_REQUEST. */
    struct en_request request;
    size_t consumed;
    bool close; /* HTTP/1.0, or the client asked for it */
    bool head;  /* the answer carries no body */

    /* After EN_HTTP_REFUSED: 400, 413, 417, 431 or 505. */
    int status;
    const char *reason; /* one line of text, borrowed for ever */

    /* After EN_HTTP_MORE. */
    size_t expected;       /* the whole request's length, if known; else 0 */
    bool expects_continue; /* the client waits for 100 before it sends the body */

    /* Private. */
    size_t max_header_bytes;
    size_t max_body_bytes;
    enum en_http_phase phase;
    size_t line;       /* where the current line, or chunk, begins */
    size_t scanned;    /* the current line does not end before this */
    size_t header_end; /* where the body begins */
    size_t line_limit; /* trailers end before this */
    size_t chunk_line; /* where the size line of the chunk begins that is being read */
    size_t chunk_left; /* size of that chunk */
    size_t body_len;
    size_t extension_bytes;
    bool http_1_0;
    bool has_length;
    bool has_host;
    bool is_chunked;
    bool has_expectation; /* one that nobody can meet */
    bool names_headers;   /* a Connection header does */
    uint32_t option_count; /* in Connection headers */
    uint32_t header_count;
    struct en_http_span method;
    struct en_http_span path;
    struct en_http_span query;
    union {
        struct en_http_field fields[EN_HEADERS_MAX];
        struct en_header headers[EN_HEADERS_MAX]; /* once the request is complete */
    };
};

void en_http_reader_init(struct en_http_reader *reader, size_t max_header_bytes,
                         size_t max_body_bytes);

/* Ready for the next request. */
void en_http_reader_next(struct en_http_reader *reader);

enum en_http_result en_http_read(struct en_http_reader *reader, char *data, size_t len);

/* True for headers that are never passed on: Connection, Transfer-Encoding and others; any case. */
bool en_http_is_hop_by_hop(const char *name, size_t len);

/* True if a request has begun: more is here than the empty line that may precede it. */
bool en_http_has_begun(const char *data, size_t len);

/* After EN_HTTP_MORE, when there is no room for more: joins the chunks that are complete into one
 * chunk, so that the same request takes less room. Returns the new len. */
size_t en_http_reader_compact(struct en_http_reader *reader, char *data, size_t len);

/* --- parts of the reader, used by it only ----------------------------------------------------- */

/* Each returns 0, or the status to refuse the request with (and sets status and reason). */
int en_http_refuse(struct en_http_reader *reader, int status, const char *reason);
int en_http_read_target(struct en_http_reader *reader, const char *data, size_t from, size_t to);
int en_http_read_field(struct en_http_reader *reader, const char *data, size_t from, size_t to);
int en_http_read_chunk_size(struct en_http_reader *reader, const char *data, size_t from,
                            size_t to);
/* Validates a header or trailer line; the end of the name and the trimmed value are set. */
int en_http_split_field(struct en_http_reader *reader, const char *data, size_t from, size_t to,
                        struct en_http_field *field_out);
/* Takes the Connection headers, and what they name, out of the fields. */
void en_http_drop_named(struct en_http_reader *reader, const char *data);
/* The next part of a list with commas, without blanks; may be empty. *at moves behind it. */
struct en_http_span en_http_next_option(const char *value, size_t len, size_t *at);
/* Joins all chunks of a complete body at header_end. */
void en_http_join_chunks(struct en_http_reader *reader, char *data, size_t end);

#endif
