#include "wire/frame_invoke.h"

#include <string.h>

#define STATUS_MIN 200u
#define STATUS_MAX 599u
/* Beside the status: the runtime answers in the function's place. */
#define OURS 0x8000u

/* Ends the frame that begins at at; on a failure takes it back. */
static int finish(struct en_buffer *out, size_t at, int rc)
{
    if (rc == 0)
        rc = en_frame_end(out, at);
    if (rc != 0 && out->data != NULL) {
        out->len = at;
        out->data[at] = '\0';
    }
    return rc;
}

static int put_text(struct en_buffer *out, struct en_text text)
{
    return en_frame_put_bytes(out, text.data, text.len);
}

static struct en_text take_text(struct en_frame_reader *reader)
{
    struct en_text text;

    text.data = en_frame_take_bytes(reader, &text.len);
    return text;
}

static int put_headers(struct en_buffer *out, const struct en_header *headers, size_t count)
{
    int rc = count > EN_HEADERS_MAX ? ENOKI_ELIMIT : en_frame_put_u16(out, (uint16_t)count);

    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = put_text(out, headers[i].name);
        if (rc == 0)
            rc = put_text(out, headers[i].value);
    }
    return rc;
}

static size_t take_headers(struct en_frame_reader *reader, struct en_header *headers)
{
    size_t count = en_frame_take_u16(reader);

    if (count > EN_HEADERS_MAX)
        reader->is_bad = true;
    for (size_t i = 0; i < count && !reader->is_bad; i++) {
        headers[i].name = take_text(reader);
        headers[i].value = take_text(reader);
    }
    return reader->is_bad ? 0 : count;
}

/* What calls and answers alike end with. */
static int put_message(struct en_buffer *out, const struct en_header *headers, size_t count,
                       struct en_text body)
{
    int rc = put_headers(out, headers, count);

    return rc == 0 ? put_text(out, body) : rc;
}

static bool take_flag(struct en_frame_reader *reader)
{
    uint8_t flag = en_frame_take_u8(reader);

    if (flag > 1)
        reader->is_bad = true;
    return flag == 1;
}

int en_frame_hello_put(struct en_buffer *out)
{
    size_t at = out->len;
    int rc = en_frame_begin(out, EN_FRAME_HELLO, 0, &at);

    if (rc == 0)
        rc = en_buffer_append(out, EN_FRAME_MAGIC, strlen(EN_FRAME_MAGIC));
    if (rc == 0)
        rc = en_frame_put_u16(out, EN_FRAME_VERSION);
    if (rc == 0)
        rc = en_frame_put_u16(out, EN_FRAME_VERSION);
    return finish(out, at, rc);
}

int en_frame_hello_take(struct en_frame_reader *reader)
{
    uint16_t lowest, highest;

    for (const char *c = EN_FRAME_MAGIC; *c != '\0'; c++) {
        if (en_frame_take_u8(reader) != (uint8_t)*c)
            return ENOKI_EPROTO;
    }
    lowest = en_frame_take_u16(reader);
    highest = en_frame_take_u16(reader);
    return en_frame_is_at_end(reader) && lowest <= EN_FRAME_VERSION && highest >= EN_FRAME_VERSION
               ? 0
               : ENOKI_EPROTO;
}

int en_frame_start_put(struct en_buffer *out, const struct en_frame_start *start,
                       const struct en_text *variables)
{
    const struct en_text *const texts[] = {&start->worker, &start->function, &start->folder,
                                           &start->keygroup};
    size_t at = out->len;
    int rc = en_frame_begin(out, EN_FRAME_START, 0, &at);

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && rc == 0; i++)
        rc = put_text(out, *texts[i]);
    if (rc == 0)
        rc = en_frame_put_u32(out, start->variable_count);
    for (size_t i = 0; i < 2 * (size_t)start->variable_count && rc == 0; i++)
        rc = put_text(out, variables[i]);
    return finish(out, at, rc);
}

int en_frame_start_take(struct en_frame_reader *reader, struct en_frame_start *start)
{
    start->worker = take_text(reader);
    start->function = take_text(reader);
    start->folder = take_text(reader);
    start->keygroup = take_text(reader);
    start->variable_count = en_frame_take_u32(reader);
    /* Each has two lengths: more cannot be there. */
    return reader->is_bad || start->variable_count > reader->left / 8 ? ENOKI_EPROTO : 0;
}

void en_frame_variable_take(struct en_frame_reader *reader, struct en_text *name,
                            struct en_text *value)
{
    *name = take_text(reader);
    *value = take_text(reader);
}

int en_frame_call_put(struct en_buffer *out, uint64_t call, const struct en_frame_call *frame)
{
    size_t at = out->len;
    int rc = en_frame_begin(out, EN_FRAME_CALL, call, &at);

    if (rc == 0)
        rc = en_frame_put_u64(out, frame->time_ms);
    if (rc == 0)
        rc = en_frame_put_u8(out, frame->is_async ? 1 : 0);
    if (rc == 0)
        rc = put_text(out, frame->method);
    if (rc == 0)
        rc = put_text(out, frame->subpath);
    if (rc == 0)
        rc = put_text(out, frame->query);
    if (rc == 0)
        rc = put_message(out, frame->headers, frame->header_count, frame->body);
    return finish(out, at, rc);
}

int en_frame_call_take(struct en_frame_reader *reader, struct en_frame_call *frame,
                       struct en_header *headers)
{
    frame->time_ms = en_frame_take_u64(reader);
    frame->is_async = take_flag(reader);
    frame->method = take_text(reader);
    frame->subpath = take_text(reader);
    frame->query = take_text(reader);
    frame->header_count = take_headers(reader, headers);
    frame->headers = headers;
    frame->body = take_text(reader);
    return en_frame_is_at_end(reader) ? 0 : ENOKI_EPROTO;
}

int en_frame_answer_put(struct en_buffer *out, uint64_t call, const struct en_frame_answer *frame)
{
    size_t at = out->len;
    int rc = en_frame_begin(out, EN_FRAME_ANSWER, call, &at);

    if (rc == 0)
        rc = en_frame_put_u16(out, frame->is_ours ? frame->status | OURS : frame->status);
    if (rc == 0)
        rc = put_message(out, frame->headers, frame->header_count, frame->body);
    return finish(out, at, rc);
}

int en_frame_answer_take(struct en_frame_reader *reader, struct en_frame_answer *frame,
                         struct en_header *headers)
{
    uint16_t status = en_frame_take_u16(reader);

    frame->status = status & (uint16_t)~OURS;
    frame->is_ours = (status & OURS) != 0;
    frame->header_count = take_headers(reader, headers);
    frame->headers = headers;
    frame->body = take_text(reader);
    return frame->status >= STATUS_MIN && frame->status <= STATUS_MAX && en_frame_is_at_end(reader)
               ? 0
               : ENOKI_EPROTO;
}

int en_frame_invoke_put(struct en_buffer *out, uint64_t call, const struct en_frame_invoke *frame)
{
    const struct en_text *const texts[] = {&frame->name, &frame->method, &frame->subpath,
                                           &frame->query};
    size_t at = out->len;
    int rc = en_frame_begin(out, EN_FRAME_INVOKE, call, &at);

    if (rc == 0)
        rc = en_frame_put_u64(out, frame->in_call);
    if (rc == 0)
        rc = en_frame_put_u64(out, frame->time_ms);
    if (rc == 0)
        rc = en_frame_put_u8(out, frame->is_async ? 1 : 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && rc == 0; i++)
        rc = put_text(out, *texts[i]);
    if (rc == 0)
        rc = put_message(out, frame->headers, frame->header_count, frame->body);
    return finish(out, at, rc);
}

int en_frame_invoke_take(struct en_frame_reader *reader, struct en_frame_invoke *frame,
                         struct en_header *headers)
{
    frame->in_call = en_frame_take_u64(reader);
    frame->time_ms = en_frame_take_u64(reader);
    frame->is_async = take_flag(reader);
    frame->name = take_text(reader);
    frame->method = take_text(reader);
    frame->subpath = take_text(reader);
    frame->query = take_text(reader);
    frame->header_count = take_headers(reader, headers);
    frame->headers = headers;
    frame->body = take_text(reader);
    return en_frame_is_at_end(reader) ? 0 : ENOKI_EPROTO;
}

int en_frame_failed_put(struct en_buffer *out, uint64_t call, int status, const char *sentence)
{
    size_t at = out->len;
    int rc = en_frame_begin(out, EN_FRAME_FAILED, call, &at);

    if (rc == 0)
        rc = en_frame_put_u32(out, (uint32_t)status);
    if (rc == 0)
        rc = en_frame_put_bytes(out, sentence, strlen(sentence));
    return finish(out, at, rc);
}

int en_frame_failed_take(struct en_frame_reader *reader, int *status, struct en_text *sentence)
{
    *status = (int)en_frame_take_u32(reader);
    *sentence = take_text(reader);
    return en_frame_is_at_end(reader) && *status < 0 ? 0 : ENOKI_EPROTO;
}

int en_frame_empty_put(struct en_buffer *out, enum en_frame_type type, uint64_t call)
{
    size_t at = out->len;
    int rc = en_frame_begin(out, type, call, &at);

    return finish(out, at, rc);
}
