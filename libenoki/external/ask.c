#include "external/external.h"

#include "base/clock.h"
#include "wire/frame_invoke.h"

#include <enoki/invoke.h>

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 32u
/* For what needs no time but its sending. */
#define REFUSED_MS 1000u

/* What one INVOKE frame asks for. */
struct asked {
    char *texts; /* all of them, with a NUL behind each */
    const char *name;
    struct enoki_invoke_options options;
    struct enoki_invoke_header headers[HEADERS_MAX];
};

/* A copy of the text at *to, which moves behind it; NULL, as *to then is, once a NUL was in one. */
static const char *copy_text(struct en_text text, char **to)
{
    char *copy = *to;

    if (copy == NULL || memchr(text.data, '\0', text.len) != NULL) {
        *to = NULL;
        return NULL;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *to = copy + text.len + 1;
    return copy;
}

/* ENOKI_EPROTO, ENOKI_ELIMIT, ENOKI_ENOMEM; asked->texts is the caller's to free. */
static int take_asked(struct asked *asked, const void *payload, size_t len)
{
    struct en_frame_reader reader = {payload, len, false};
    struct enoki_invoke_options *options = &asked->options;
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_invoke frame;
    char *to;

    *asked = (struct asked){.options = ENOKI_INVOKE_OPTIONS_INIT};
    if (en_frame_invoke_take(&reader, &frame, headers) != 0)
        return ENOKI_EPROTO;
    if (frame.header_count > HEADERS_MAX)
        return ENOKI_ELIMIT;
    /* The length in front of each text is more than the NUL behind it. */
    asked->texts = to = malloc(len);
    if (to == NULL)
        return ENOKI_ENOMEM;
    asked->name = copy_text(frame.name, &to);
    options->method = copy_text(frame.method, &to);
    options->path = copy_text(frame.subpath, &to);
    options->query = copy_text(frame.query, &to);
    for (size_t i = 0; i < frame.header_count; i++) {
        asked->headers[i].name = copy_text(frame.headers[i].name, &to);
        asked->headers[i].value = copy_text(frame.headers[i].value, &to);
    }
    options->headers = asked->headers;
    options->header_count = frame.header_count;
    options->timeout_ms = frame.time_ms;
    options->is_async = frame.is_async;
    options->body = frame.body.data;
    options->body_len = frame.body.len;
    return to != NULL ? 0 : ENOKI_EPROTO;
}

static int put_answer(struct en_buffer *out, uint64_t number, const struct enoki_answer *answer)
{
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_answer frame = {.status = (uint16_t)enoki_answer_status(answer),
                                    .headers = headers};
    const char *name, *value;

    while (frame.header_count < EN_HEADERS_MAX &&
           (value = enoki_answer_header_at(answer, frame.header_count, &name)) != NULL)
        headers[frame.header_count++] =
            (struct en_header){{name, strlen(name)}, {value, strlen(value)}};
    frame.body.data = enoki_answer_body(answer, &frame.body.len);
    return en_frame_answer_put(out, number, &frame);
}

/* What cannot be sent is seen by who reads. */
static void tell(struct en_external *self, uint64_t number, const struct enoki_answer *answer,
                 const struct enoki_error *err, uint64_t until_ms)
{
    struct en_buffer out = EN_BUFFER_INIT(SIZE_MAX / 4);
    int rc = answer != NULL ? put_answer(&out, number, answer)
                            : en_frame_failed_put(&out, number, err->status, err->message);

    if (rc == 0)
        rc = en_external_send(self, &out, until_ms);
    if (rc != 0)
        en_log(self->settings.log, ENOKI_LOG_DEBUG, "an answer cannot be passed on: %s",
               enoki_error_text(rc));
    en_buffer_fini(&out);
}

void en_external_refuse_asked(struct en_external *self, uint64_t number)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    (void)enoki_error_set(&err, ENOKI_ECLOSED,
                          "the call that this belongs to is over: call others before its answer");
    tell(self, number, NULL, &err, en_clock_ms() + REFUSED_MS);
}

static void run_one(struct en_external *self, struct enoki_call *call, uint64_t number,
                    const void *payload, size_t len, uint64_t until_ms)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_answer *answer = NULL;
    struct asked asked;
    int rc = take_asked(&asked, payload, len);

    if (rc == 0)
        rc = enoki_call_invoke(call, asked.name, &asked.options, &answer, &err);
    else
        (void)enoki_error_set(&err, rc, "the call cannot be read: %s", enoki_error_text(rc));
    tell(self, number, rc == 0 ? answer : NULL, &err, until_ms);
    enoki_answer_free(answer);
    free(asked.texts);
}

void en_external_run_asked(struct en_external *self, struct en_external_call *wait,
                           struct enoki_call *call, uint64_t until_ms)
{
    struct en_buffer asked;
    struct en_frame_head head;

    (void)pthread_mutex_lock(&self->lock);
    asked = wait->asked;
    wait->asked = (struct en_buffer)EN_BUFFER_INIT(EN_EXTERNAL_ASKED_MAX_BYTES);
    (void)pthread_mutex_unlock(&self->lock);
    /* Whole frames, whose heads were read before. */
    for (size_t at = 0; at < asked.len; at += EN_FRAME_HEAD_BYTES + head.len) {
        if (en_frame_head_read(asked.data + at, &head) != 0)
            break;
        run_one(self, call, head.call, asked.data + at + EN_FRAME_HEAD_BYTES, head.len, until_ms);
    }
    en_buffer_fini(&asked);
}
