/*
 * fuzz_http.c - the HTTP reader on any bytes, in one piece, in two, and byte by byte with
 * compaction: always the same requests, views inside the input, NULs where they belong.
 */
#include "wire/http_reader.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 512u
#define BODY_BYTES 1024u
#define REQUESTS_MAX 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* What one way of reading found, to be compared with the others. */
struct outcome {
    size_t requests;
    int status; /* of the refusal, or 0 */
    uint64_t hash;
};

static void add_text(struct outcome *outcome, struct en_text text, const char *from, size_t len)
{
    check(text.data >= from && text.len <= len && text.data + text.len <= from + len);
    check(text.data[text.len] == '\0');
    for (size_t i = 0; i < text.len; i++)
        outcome->hash = (outcome->hash ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    outcome->hash = (outcome->hash ^ text.len) * UINT64_C(1099511628211);
}

static void add_request(struct outcome *outcome, const struct en_http_reader *reader,
                        const char *from, size_t len)
{
    const struct en_request *request = &reader->request;

    check(reader->consumed > 0 && reader->consumed <= len);
    check(request->header_count <= EN_HEADERS_MAX && request->body.len <= BODY_BYTES);
    check(request->method.len > 0 && strlen(request->method.data) == request->method.len);
    check(strlen(request->path.data) == request->path.len);
    check(request->path.data[0] == '/' || strcmp(request->path.data, "*") == 0);
    add_text(outcome, request->method, from, len);
    add_text(outcome, request->path, from, len);
    add_text(outcome, request->query, from, len);
    add_text(outcome, request->body, from, len);
    for (size_t i = 0; i < request->header_count; i++) {
        check(strlen(request->headers[i].name.data) == request->headers[i].name.len);
        check(strlen(request->headers[i].value.data) == request->headers[i].value.len);
        add_text(outcome, request->headers[i].name, from, len);
        add_text(outcome, request->headers[i].value, from, len);
    }
    outcome->hash += reader->close ? 3 : reader->head ? 5 : 0;
    outcome->requests++;
}

/* Reads all requests; each is first offered piece bytes, then piece more, and so on. */
static struct outcome read_all(const uint8_t *data, size_t size, size_t piece, bool compact)
{
    /* One more byte, as the reader demands. */
    char *input = malloc(size + 1);
    static struct en_http_reader reader;
    struct outcome outcome = {0, 0, 14695981039346656037u};
    size_t at = 0, here = 0, rest = size;

    check(input != NULL);
    if (size > 0)
        memcpy(input, data, size);
    en_http_reader_init(&reader, HEADER_BYTES, BODY_BYTES);
    while (outcome.status == 0 && outcome.requests < REQUESTS_MAX) {
        enum en_http_result result = en_http_read(&reader, input + at, here);

        if (result == EN_HTTP_REFUSED) {
            check(reader.status >= 400 && reader.status < 600 && reader.reason[0] != '\0');
            outcome.status = reader.status;
        } else if (result == EN_HTTP_REQUEST) {
            size_t left = here - reader.consumed;

            check(memcmp(input + at + reader.consumed, data + size - rest - left, left) == 0);
            add_request(&outcome, &reader, input + at, here);
            at += reader.consumed;
            here = left;
            en_http_reader_next(&reader);
        } else {
            size_t step = piece < rest ? piece : rest;

            if (rest == 0)
                break;
            if (compact) {
                size_t len = en_http_reader_compact(&reader, input + at, here);

                check(len <= here);
                here = len;
            }
            memcpy(input + at + here, data + size - rest, step);
            here += step;
            rest -= step;
        }
    }
    free(input);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = read_all(data, size, size, false), other;
    const size_t pieces[] = {1, 7, size / 2 + 1};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        for (int compact = 0; compact <= 1; compact++) {
            other = read_all(data, size, pieces[i], compact != 0);
            check(other.requests == whole.requests && other.status == whole.status &&
                  other.hash == whole.hash);
        }
    }
    (void)en_utf8_is_valid((const char *)data, size);
    return 0;
}
