/*
 * http_writer.h - heads of HTTP/1.1 answers.
 *
 * Memory   appended to the caller's buffer; nothing is kept.
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_HTTP_WRITER_H
#define EN_HTTP_WRITER_H

#include "base/buffer.h"
#include "wire/message.h"

#include <stdbool.h>

/* "Date: Tue, 24 Nov 2026 00:17:00 GMT\r\n" and the NUL. */
#define EN_HTTP_DATE_BYTES 38u

void en_http_write_date(char date_out[EN_HTTP_DATE_BYTES], uint64_t seconds_since_1970);

struct en_http_head {
    int status;               /* 200 to 599 */
    const char *date;         /* a line as en_http_write_date() makes it */
    const char *content_type; /* NULL: none, or among headers */
    struct en_text headers;   /* complete lines, each with its CR LF */
    size_t content_length;
    bool is_endless; /* the body's length is not known: no Content-Length */
    bool is_chunked; /* then: Transfer-Encoding: chunked; else the body ends with the connection */
    bool close;
};

/* Appends the whole head, blank line included. 204 and 304 get no Content-Length. ENOKI_ENOMEM,
 * ENOKI_ELIMIT: nothing was appended. */
ENOKI_MUST_CHECK int en_http_write_head(struct en_buffer *out, const struct en_http_head *head);

/* True if an answer of that status has no body by definition. */
bool en_http_status_is_bodiless(int status);

/* "Not Found"; "" for a status without a name. */
const char *en_http_status_text(int status);

#endif
