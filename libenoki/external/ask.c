#include "external/external.h"

#include "base/clock.h"
#include "invoke/env.h"
#include "wire/frame_invoke.h"

#include <enoki/invoke.h>

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 32u
/* For what needs no time but its sending. */
#define REFUSED_MS 1000u
/* Of frames that wait or run. */
#define ASKED_MAX_BYTES (1u << 30)

/* An INVOKE frame that waits for a thread. */
struct en_external_asked {
    struct en_external_asked *next;
    struct en_external_call *of; /* which waits until it is done */
    uint64_t number;
    size_t len;
    char payload[];
};

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

static void refuse(struct en_external *self, uint64_t number)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    (void)enoki_error_set(&err, ENOKI_ECLOSED,
                          "the call that this belongs to is over: call others before its answer");
    tell(self, number, NULL, &err, en_clock_ms() + REFUSED_MS);
}

/* The program hears of the end of the time before its own call is given up. */
static void bound_time(struct enoki_invoke_options *options, uint64_t until_ms)
{
    uint64_t now = en_clock_ms(), left = until_ms > now ? until_ms - now : 1;

    if (options->timeout_ms == 0 || options->timeout_ms > left)
        options->timeout_ms = left;
}

/* Consumes it. */
static void run(struct en_external *self, struct en_external_asked *frame)
{
    struct enoki_call call = *frame->of->call; /* others may run in its name just now */
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_answer *answer = NULL;
    uint64_t until_ms = frame->of->until_ms;
    struct asked asked;
    int rc = take_asked(&asked, frame->payload, frame->len);

    bound_time(&asked.options, until_ms);
    if (rc == 0)
        rc = enoki_call_invoke(&call, asked.name, &asked.options, &answer, &err);
    else
        (void)enoki_error_set(&err, rc, "the call cannot be read: %s", enoki_error_text(rc));
    tell(self, frame->number, rc == 0 ? answer : NULL, &err, until_ms);
    enoki_answer_free(answer);
    free(asked.texts);
    (void)pthread_mutex_lock(&self->lock);
    self->asked_bytes -= frame->len;
    frame->of->asking--;
    (void)pthread_cond_signal(&frame->of->changed);
    (void)pthread_mutex_unlock(&self->lock);
    free(frame);
}

/* --- threads that wait for answers, as many as are asked for at the same time -----------------
 */

/* With the lock. NULL: nothing waits. */
static struct en_external_asked *pop(struct en_external *self)
{
    struct en_external_asked *frame = self->asked;

    if (frame == NULL)
        return NULL;
    self->asked = frame->next;
    self->asked_count--;
    if (self->asked == NULL)
        self->asked_end = &self->asked;
    return frame;
}

static void *keep_asking(void *context)
{
    struct en_external *self = context;
    struct en_external_asked *frame;

    (void)pthread_mutex_lock(&self->lock);
    while ((frame = pop(self)) != NULL || !self->askers_end) {
        if (frame == NULL) {
            (void)pthread_cond_wait(&self->to_ask, &self->lock);
            continue;
        }
        self->askers_free--;
        (void)pthread_mutex_unlock(&self->lock);
        run(self, frame);
        (void)pthread_mutex_lock(&self->lock);
        self->askers_free++;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* With the lock. */
static void push(struct en_external *self, struct en_external_asked *frame)
{
    *self->asked_end = frame;
    self->asked_end = &frame->next;
    self->asked_count++;
    if (self->asked_count > self->askers_free && self->asker_count < EN_EXTERNAL_ASKERS_MAX &&
        pthread_create(&self->askers[self->asker_count], NULL, keep_asking, self) == 0) {
        self->asker_count++;
        self->askers_free++;
    }
    (void)pthread_cond_signal(&self->to_ask);
}

/* The call in whose name it is asked, which stays from now on; NULL: there is none. ENOKI_ELIMIT */
static int hold_call(struct en_external *self, uint64_t id, size_t len,
                     struct en_external_call **out)
{
    int rc = 0;

    (void)pthread_mutex_lock(&self->lock);
    *out = en_external_find(self, id);
    if (*out != NULL && self->asked_bytes > ASKED_MAX_BYTES)
        rc = ENOKI_ELIMIT;
    if (*out != NULL && rc == 0) {
        (*out)->asking++;
        self->asked_bytes += len;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return rc;
}

/* Where no thread can be had, the one that reads does it. */
static void hand_over(struct en_external *self, struct en_external_asked *frame)
{
    struct en_external_asked *ours = NULL;

    (void)pthread_mutex_lock(&self->lock);
    push(self, frame);
    if (self->asker_count == 0)
        ours = pop(self);
    (void)pthread_mutex_unlock(&self->lock);
    if (ours != NULL)
        run(self, ours);
}

int en_external_ask(struct en_external *self, const struct en_frame_head *head,
                    const void *payload)
{
    struct en_frame_reader reader = {payload, head->len, false};
    uint64_t id = en_frame_take_u64(&reader);
    struct en_external_asked *frame;
    struct en_external_call *call = NULL;
    int rc;

    if (reader.is_bad)
        return ENOKI_EPROTO;
    frame = malloc(sizeof(*frame) + head->len);
    rc = frame == NULL ? ENOKI_ENOMEM : hold_call(self, id, head->len, &call);
    if (rc == 0 && call == NULL)
        refuse(self, head->call);
    if (rc != 0 || call == NULL) {
        free(frame);
        return rc;
    }
    *frame = (struct en_external_asked){.of = call, .number = head->call, .len = head->len};
    memcpy(frame->payload, payload, head->len);
    /* Before several threads copy it. What fails here fails there too, and is told. */
    (void)!en_call_begin_trace(call->call);
    hand_over(self, frame);
    return 0;
}

void en_external_end_asking(struct en_external *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->askers_end = true;
    (void)pthread_cond_broadcast(&self->to_ask);
    (void)pthread_mutex_unlock(&self->lock);
    for (uint32_t i = 0; i < self->asker_count; i++)
        (void)pthread_join(self->askers[i], NULL);
    self->asker_count = 0;
}
