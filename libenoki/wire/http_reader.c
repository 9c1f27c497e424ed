#include "wire/http_reader.h"

#include "wire/http_chars.h"

#include <string.h>

/* A chunk's size line, with extensions, is never longer. */
#define CHUNK_LINE_BYTES 256u

void en_http_reader_init(struct en_http_reader *reader, size_t max_header_bytes,
                         size_t max_body_bytes)
{
    /* Spans hold 32 bits; header and body together must not overflow. */
    reader->max_header_bytes = max_header_bytes < UINT32_MAX ? max_header_bytes : UINT32_MAX;
    reader->max_body_bytes = max_body_bytes < SIZE_MAX / 4 ? max_body_bytes : SIZE_MAX / 4;
    en_http_reader_next(reader);
}

void en_http_reader_next(struct en_http_reader *reader)
{
    reader->consumed = 0;
    reader->close = false;
    reader->head = false;
    reader->status = 0;
    reader->reason = "";
    reader->expected = 0;
    reader->expects_continue = false;
    reader->phase = EN_HTTP_START;
    reader->line = 0;
    reader->scanned = 0;
    reader->header_end = 0;
    reader->line_limit = 0;
    reader->chunk_line = 0;
    reader->chunk_left = 0;
    reader->body_len = 0;
    reader->extension_bytes = 0;
    reader->http_1_0 = false;
    reader->has_length = false;
    reader->has_host = false;
    reader->is_chunked = false;
    reader->has_expectation = false;
    reader->names_headers = false;
    reader->option_count = 0;
    reader->header_count = 0;
}

int en_http_refuse(struct en_http_reader *reader, int status, const char *reason)
{
    reader->status = status;
    reader->reason = reason;
    return status;
}

bool en_http_has_begun(const char *data, size_t len)
{
    if (len > 0 && data[0] == '\r')
        return len > 2 || (len == 2 && data[1] != '\n');
    return len > 0;
}

/* Finds the end of the current line: the offset of its CR. It must end before limit. */
static enum en_http_result find_line(struct en_http_reader *reader, const char *data, size_t len,
                                     size_t limit, size_t *end_out)
{
    const char *feed = memchr(data + reader->scanned, '\n', len - reader->scanned);
    size_t after = feed != NULL ? (size_t)(feed - data) + 1 : len;

    reader->scanned = after;
    if (after > limit) {
        if (reader->phase == EN_HTTP_CHUNK_SIZE)
            (void)en_http_refuse(reader, 400, "chunk size line too long");
        else
            (void)en_http_refuse(reader, 431, "request header too large");
        return EN_HTTP_REFUSED;
    }
    if (feed == NULL)
        return EN_HTTP_MORE;
    if (after - reader->line < 2 || data[after - 2] != '\r') {
        (void)en_http_refuse(reader, 400, "a line does not end with CR LF");
        return EN_HTTP_REFUSED;
    }
    *end_out = after - 2;
    return EN_HTTP_REQUEST;
}

static int read_version(struct en_http_reader *reader, const char *version, size_t len)
{
    if (len < 6 || memcmp(version, "HTTP/", 5) != 0)
        return en_http_refuse(reader, 400, "malformed request line");
    if (version[5] >= '2' && version[5] <= '9')
        return en_http_refuse(reader, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (len != 8 || version[5] != '1' || version[6] != '.' ||
        (version[7] != '0' && version[7] != '1'))
        return en_http_refuse(reader, 400, "bad HTTP version");
    reader->http_1_0 = version[7] == '0';
    reader->close = reader->http_1_0;
    return 0;
}

static int read_request_line(struct en_http_reader *reader, const char *data, size_t to)
{
    size_t from = reader->line, target, target_end;
    int status;

    for (target = from; target < to && en_http_is(data[target], EN_HTTP_TOKEN); target++)
        ;
    if (target == from || target == to || data[target] != ' ')
        return en_http_refuse(reader, 400, "bad method");
    reader->method = (struct en_http_span){(uint32_t)from, (uint32_t)(target - from)};
    target++;

    for (target_end = target; target_end < to && data[target_end] != ' '; target_end++)
        ;
    if (target_end == to)
        return en_http_refuse(reader, 400, "malformed request line");
    status = read_version(reader, data + target_end + 1, to - target_end - 1);
    if (status != 0)
        return status;
    reader->head = reader->method.len == 4 && memcmp(data + from, "HEAD", 4) == 0;
    return en_http_read_target(reader, data, target, target_end);
}

/* What only the whole header can tell, then where the body begins. */
static int finish_header(struct en_http_reader *reader)
{
    if (!reader->has_host && !reader->http_1_0)
        return en_http_refuse(reader, 400, "no Host header");
    if (reader->is_chunked && reader->has_length)
        return en_http_refuse(reader, 400, "both Content-Length and Transfer-Encoding");
    if (reader->is_chunked && reader->http_1_0)
        return en_http_refuse(reader, 400, "Transfer-Encoding in HTTP/1.0");
    if (reader->has_expectation)
        return en_http_refuse(reader, 417, "the only expectation met here is 100-continue");
    if (reader->body_len > reader->max_body_bytes)
        return en_http_refuse(reader, 413, "request body too large");

    reader->header_end = reader->scanned;
    reader->line = reader->scanned;
    if (reader->is_chunked) {
        reader->phase = EN_HTTP_CHUNK_SIZE;
    } else {
        reader->phase = EN_HTTP_BODY;
        reader->expected = reader->header_end + reader->body_len;
    }
    if (reader->http_1_0 || (!reader->is_chunked && reader->body_len == 0))
        reader->expects_continue = false;
    return 0;
}

/* The request line and the header lines, as many as are here. */
static enum en_http_result read_header(struct en_http_reader *reader, const char *data, size_t len)
{
    while (reader->phase == EN_HTTP_START || reader->phase == EN_HTTP_HEADERS) {
        size_t end;
        enum en_http_result result = find_line(reader, data, len, reader->max_header_bytes, &end);
        int status = 0;

        if (result != EN_HTTP_REQUEST)
            return result;
        if (reader->phase == EN_HTTP_HEADERS) {
            status = end == reader->line ? finish_header(reader)
                                         : en_http_read_field(reader, data, reader->line, end);
        } else if (end > reader->line || reader->line > 0) {
            status = read_request_line(reader, data, end);
            reader->phase = EN_HTTP_HEADERS;
        }
        if (status != 0)
            return EN_HTTP_REFUSED;
        reader->line = reader->scanned;
    }
    return EN_HTTP_MORE;
}

static enum en_http_result read_chunk_line(struct en_http_reader *reader, const char *data,
                                           size_t len)
{
    size_t end;
    enum en_http_result result =
        find_line(reader, data, len, reader->line + CHUNK_LINE_BYTES, &end);

    reader->chunk_line = reader->line;
    if (result != EN_HTTP_REQUEST)
        return result;
    if (en_http_read_chunk_size(reader, data, reader->line, end) != 0)
        return EN_HTTP_REFUSED;
    reader->line = reader->scanned;
    if (reader->chunk_left > 0) {
        reader->phase = EN_HTTP_CHUNK_DATA;
    } else {
        reader->phase = EN_HTTP_TRAILERS;
        reader->line_limit = reader->line + (reader->max_header_bytes - reader->header_end) + 2;
    }
    return EN_HTTP_REQUEST;
}

static enum en_http_result read_chunk_data(struct en_http_reader *reader, const char *data,
                                           size_t len)
{
    size_t end = reader->line + reader->chunk_left;

    if (len < reader->line || len - reader->line < reader->chunk_left + 2)
        return EN_HTTP_MORE;
    if (data[end] != '\r' || data[end + 1] != '\n') {
        (void)en_http_refuse(reader, 400, "a chunk is not as long as it says");
        return EN_HTTP_REFUSED;
    }
    reader->phase = EN_HTTP_CHUNK_SIZE;
    reader->line = end + 2;
    reader->scanned = end + 2;
    return EN_HTTP_REQUEST;
}

static enum en_http_result read_trailer(struct en_http_reader *reader, const char *data, size_t len)
{
    struct en_http_field field;
    size_t end;
    enum en_http_result result = find_line(reader, data, len, reader->line_limit, &end);

    if (result != EN_HTTP_REQUEST)
        return result;
    if (end == reader->line)
        reader->phase = EN_HTTP_DONE;
    else if (en_http_split_field(reader, data, reader->line, end, &field) != 0)
        return EN_HTTP_REFUSED;
    reader->line = reader->scanned;
    return EN_HTTP_REQUEST;
}

static struct en_text make_text(char *data, struct en_http_span span)
{
    data[span.at + span.len] = '\0';
    return (struct en_text){data + span.at, span.len};
}

static void make_body(struct en_http_reader *reader, char *data, size_t len)
{
    size_t at = reader->header_end;

    if (reader->is_chunked) {
        en_http_join_chunks(reader, data, reader->chunk_line);
    } else if (reader->consumed < len) {
        /* The byte behind the body belongs to the next request: the blank line gives one up. */
        at--;
        if (reader->body_len > 0)
            memmove(data + at, data + at + 1, reader->body_len);
    }
    data[at + reader->body_len] = '\0';
    reader->request.body = (struct en_text){data + at, reader->body_len};
}

static void make_request(struct en_http_reader *reader, char *data, size_t len)
{
    struct en_request *request = &reader->request;

    if (reader->names_headers)
        en_http_drop_named(reader, data);
    make_body(reader, data, len);
    request->method = make_text(data, reader->method);
    if (reader->path.len == 0) {
        /* "http://host" has no path; the host's last character makes room for one. */
        reader->path.at--;
        reader->path.len = 1;
        data[reader->path.at] = '/';
    }
    request->path = make_text(data, reader->path);
    request->query = make_text(data, reader->query);
    /* In the same place, which takes more room: from the last. */
    for (uint32_t i = reader->header_count; i > 0; i--) {
        struct en_http_field field = reader->fields[i - 1];

        reader->headers[i - 1] =
            (struct en_header){make_text(data, field.name), make_text(data, field.value)};
    }
    request->headers = reader->headers;
    request->header_count = reader->header_count;
}

enum en_http_result en_http_read(struct en_http_reader *reader, char *data, size_t len)
{
    enum en_http_result result = read_header(reader, data, len);

    if (result == EN_HTTP_REFUSED || reader->phase <= EN_HTTP_HEADERS)
        return result;
    result = EN_HTTP_REQUEST;
    while (result == EN_HTTP_REQUEST && reader->phase != EN_HTTP_DONE) {
        if (reader->phase == EN_HTTP_CHUNK_SIZE) {
            result = read_chunk_line(reader, data, len);
        } else if (reader->phase == EN_HTTP_CHUNK_DATA) {
            result = read_chunk_data(reader, data, len);
        } else if (reader->phase == EN_HTTP_TRAILERS) {
            result = read_trailer(reader, data, len);
        } else if (len < reader->expected) {
            result = EN_HTTP_MORE;
        } else {
            reader->line = reader->expected;
            reader->phase = EN_HTTP_DONE;
        }
    }
    if (len > reader->header_end)
        reader->expects_continue = false; /* the body is on its way */
    if (result == EN_HTTP_REQUEST) {
        reader->consumed = reader->line;
        make_request(reader, data, len);
    }
    return result;
}
