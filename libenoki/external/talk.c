#include "external/external.h"

#include "base/clock.h"
#include "invoke/greeting.h"
#include "wire/frame_invoke.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES 65536u
#define KEPT_BYTES (1u << 20)
/* Of an answer's frame beside its body; a log line has no more either. */
#define EXTRA_BYTES (1u << 20)
/* Who has greeted reads. */
#define START_SENT_MS 5000u

/* --- out ---------------------------------------------------------------------------------------
 */

/* 0, ENOKI_ETIMEOUT */
static int await_room(int fd, uint64_t until_ms)
{
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        uint64_t now = en_clock_ms();
        int ready;

        if (now >= until_ms)
            return ENOKI_ETIMEOUT;
        ready = poll(&wait, 1, until_ms - now > INT32_MAX ? INT32_MAX : (int)(until_ms - now));
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return ENOKI_ECLOSED;
    }
}

int en_external_send(struct en_external *self, const struct en_buffer *out, uint64_t until_ms)
{
    size_t at = 0;
    int rc = 0;

    (void)pthread_mutex_lock(&self->writing);
    while (at < out->len && rc == 0) {
        ssize_t sent = send(self->calls_fd, out->data + at, out->len - at,
                            MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0)
            at += (size_t)sent;
        else if (errno == EAGAIN)
            rc = await_room(self->calls_fd, until_ms);
        else if (errno != EINTR)
            rc = ENOKI_ECLOSED;
    }
    /* Half a frame is on its way: nothing can follow it. */
    if (rc != 0 && at > 0)
        (void)shutdown(self->calls_fd, SHUT_RDWR);
    (void)pthread_mutex_unlock(&self->writing);
    return rc;
}

/* --- in: the reader's, one at a time ------------------------------------------------------------
 */

static size_t longest(const struct en_external *self)
{
    return (size_t)self->settings.function->limits.max_reply_bytes + EXTRA_BYTES;
}

/* 1: something came; 0: the time is over; negative: the end. Waits in recv() itself, which looks up
 * every EN_EXTERNAL_LOOK_MS: a poll() before each would be a system call more for every call. */
static int read_in(struct en_external *self, uint64_t until_ms)
{
    int rc = en_buffer_reserve(&self->input, READ_BYTES);

    if (rc != 0)
        return rc;
    if (self->input.cap - self->input.len < 1)
        return ENOKI_ELIMIT;
    while (en_clock_ms() < until_ms) {
        ssize_t got = recv(self->calls_fd, self->input.data + self->input.len, READ_BYTES, 0);

        if (got > 0)
            self->input.len += (size_t)got;
        if (got >= 0 || (errno != EAGAIN && errno != EINTR))
            return got > 0 ? 1 : ENOKI_ECLOSED;
    }
    return 0;
}

static void drop(struct en_external *self, size_t len)
{
    memmove(self->input.data, self->input.data + len, self->input.len - len);
    self->input.len -= len;
    if (self->input.len == 0)
        en_buffer_clear(&self->input, KEPT_BYTES);
}

/* A whole frame in the input, or its head if it is an answer that is too long: 1. 0: not yet. */
static int find_frame(struct en_external *self, struct en_frame_head *head)
{
    size_t skipped = self->skip < self->input.len ? self->skip : self->input.len;

    if (skipped > 0)
        drop(self, skipped);
    self->skip -= skipped;
    if (self->skip > 0 || self->input.len < EN_FRAME_HEAD_BYTES)
        return 0;
    if (en_frame_head_read(self->input.data, head) != 0)
        return ENOKI_EPROTO;
    if (head->len > longest(self))
        return head->type == EN_FRAME_ANSWER ? 1 : ENOKI_EPROTO;
    return self->input.len - EN_FRAME_HEAD_BYTES >= head->len;
}

static void end_frame(struct en_external *self, const struct en_frame_head *head)
{
    size_t len = EN_FRAME_HEAD_BYTES + (size_t)head->len;
    size_t here = len < self->input.len ? len : self->input.len;

    self->skip = len - here;
    drop(self, here);
}

/* Where the worker's own output goes. */
static int pass_line(const void *payload, size_t len)
{
    struct en_frame_reader reader = {payload, len, false};
    uint8_t stream = en_frame_take_u8(&reader);
    size_t line_len;
    const char *line = en_frame_take_bytes(&reader, &line_len);
    const struct iovec parts[2] = {{(void *)(uintptr_t)line, line_len},
                                   {(void *)(uintptr_t) "\n", 1}};

    if (!en_frame_is_at_end(&reader) || stream < 1 || stream > 2)
        return ENOKI_EPROTO;
    (void)!writev(stream == 1 ? STDOUT_FILENO : STDERR_FILENO, parts, 2);
    return 0;
}

struct en_external_call *en_external_find(const struct en_external *self, uint64_t id)
{
    struct en_external_call *call = self->waiting;

    while (call != NULL && call->id != id)
        call = call->next;
    return call;
}

/* An answer that nobody waits for any more is no mistake. */
static int take_answer(struct en_external *self, const struct en_frame_head *head)
{
    struct en_external_call *call;
    int rc = 0;

    (void)pthread_mutex_lock(&self->lock);
    call = en_external_find(self, head->call);
    if (call != NULL && !call->is_done) {
        if (head->len > longest(self))
            call->too_long = head->len;
        else
            rc = en_buffer_append(&call->answer, self->input.data + EN_FRAME_HEAD_BYTES, head->len);
        call->is_done = rc == 0;
        self->rounds++;
        (void)pthread_cond_signal(&call->changed);
    }
    (void)pthread_mutex_unlock(&self->lock);
    return rc;
}

static int take_frames(struct en_external *self)
{
    struct en_frame_head head;
    int rc;

    while ((rc = find_frame(self, &head)) == 1) {
        if (head.type == EN_FRAME_ANSWER)
            rc = take_answer(self, &head);
        else if (head.type == EN_FRAME_INVOKE)
            rc = en_external_ask(self, &head, self->input.data + EN_FRAME_HEAD_BYTES);
        else if (head.type == EN_FRAME_LOG)
            rc = pass_line(self->input.data + EN_FRAME_HEAD_BYTES, head.len);
        else
            rc = ENOKI_EPROTO;
        end_frame(self, &head);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static void complain(struct en_external *self, int rc)
{
    en_log(self->settings.log, ENOKI_LOG_ERROR, "the function's program sent what is no answer: %s",
           enoki_error_text(rc));
    (void)pthread_mutex_lock(&self->lock);
    en_external_kill(self);
    (void)pthread_mutex_unlock(&self->lock);
}

/* One thread's turn to read for all; with the lock afterwards. Negative: the end. */
static int take_turn(struct en_external *self, uint64_t until_ms)
{
    int rc = read_in(self, until_ms), frames = rc > 0 ? take_frames(self) : rc;

    if (frames < 0 && frames != ENOKI_ECLOSED)
        complain(self, frames);
    (void)pthread_mutex_lock(&self->lock);
    self->has_reader = false;
    if (rc > 0)
        self->doubt_ms = 0;
    else if (rc == 0)
        en_external_look(self);
    return frames;
}

void en_external_wake_all(struct en_external *self)
{
    for (struct en_external_call *call = self->waiting; call != NULL; call = call->next)
        (void)pthread_cond_signal(&call->changed);
}

/* Somebody who waits reads from now on, if nobody does. */
static void pass_reading(struct en_external *self)
{
    struct en_external_call *call = self->waiting;

    while (call != NULL && (!call->is_waiting || call->is_done))
        call = call->next;
    if (call != NULL && !self->has_reader)
        (void)pthread_cond_signal(&call->changed);
}

static void wait_for_reader(struct en_external *self, struct en_external_call *wait,
                            uint64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    wait->is_waiting = true;
    (void)pthread_cond_timedwait(&wait->changed, &self->lock, &until);
    wait->is_waiting = false;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

int en_external_await(struct en_external *self, struct en_external_call *wait)
{
    int rc = 0;

    (void)pthread_mutex_lock(&self->lock);
    while (!wait->is_done && rc == 0) {
        uint64_t next_ms = wait->until_ms;

        en_external_judge(self);
        if (self->doubt_ms != 0)
            next_ms = earlier(next_ms, self->doubt_ms);
        if (en_clock_ms() >= wait->until_ms) {
            rc = ENOKI_ETIMEOUT;
        } else if (self->has_reader) {
            wait_for_reader(self, wait, next_ms);
        } else {
            self->has_reader = true;
            (void)pthread_mutex_unlock(&self->lock);
            next_ms = earlier(next_ms, en_external_next_look(self));
            rc = take_turn(self, next_ms) < 0 && !wait->is_done ? ENOKI_ECLOSED : 0;
        }
    }
    pass_reading(self);
    /* They use the call, and end with its time. */
    while (wait->asking > 0)
        (void)pthread_cond_wait(&wait->changed, &self->lock);
    (void)pthread_mutex_unlock(&self->lock);
    return rc;
}

/* --- the greeting ------------------------------------------------------------------------------
 */

static int send_start(struct en_external *self)
{
    struct en_buffer out = EN_BUFFER_INIT(SIZE_MAX / 4);
    int rc = en_greeting_put_start(&out, self->settings.function, self->settings.worker,
                                   self->directory);

    if (rc == 0)
        rc = en_external_send(self, &out, en_clock_ms() + START_SENT_MS);
    en_buffer_fini(&out);
    return rc;
}

/* 1: it is ready; 0: not yet; else why not. */
static int take_greeting(struct en_external *self, const struct en_frame_head *head,
                         struct enoki_error *err)
{
    const char *payload = self->input.data + EN_FRAME_HEAD_BYTES;
    struct en_frame_reader reader = {(const unsigned char *)payload, head->len, false};
    struct en_text sentence;
    int status;

    if (head->type == EN_FRAME_LOG)
        return pass_line(payload, head->len);
    if (head->type == EN_FRAME_FAILED && en_frame_failed_take(&reader, &status, &sentence) == 0)
        return enoki_error_set(err, ENOKI_EFUNCTION, "%.*s", (int)sentence.len, sentence.data);
    if (head->type == EN_FRAME_READY && self->is_greeted)
        return 1;
    if (head->type != EN_FRAME_HELLO || self->is_greeted || en_frame_hello_take(&reader) != 0)
        return ENOKI_EPROTO;
    self->is_greeted = true;
    return send_start(self);
}

int en_external_greet(struct en_external *self, struct enoki_error *err)
{
    struct en_frame_head head;
    int rc;

    self->input.max = longest(self) + EN_FRAME_HEAD_BYTES + READ_BYTES;
    rc = read_in(self, en_clock_ms() + 1);
    if (rc > 0)
        rc = 0;
    while (rc == 0 && (rc = find_frame(self, &head)) == 1) {
        rc = take_greeting(self, &head, err);
        end_frame(self, &head);
    }
    if (rc == ENOKI_EPROTO)
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "'%.300s' does not speak these frames: it must send HELLO, and "
                               "READY or FAILED when it was sent START",
                               self->words.path);
    if (rc == ENOKI_ENOMEM || rc == ENOKI_ELIMIT)
        return enoki_error_set(err, rc, "the function's program cannot be greeted: %s",
                               enoki_error_text(rc));
    return rc;
}
