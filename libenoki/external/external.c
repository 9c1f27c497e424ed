#include "external/external.h"

#include "base/clock.h"
#include "invoke/bounds.h"
#include "invoke/env.h"
#include "wire/frame_invoke.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is left of a call's time for the answer that it was too little. */
#define LAST_MS 50
/* A program that was told that a call is over answers that in so long, or hangs. */
#define SIGN_MS 1000u
#define FRAME_EXTRA_BYTES (1u << 20)

/* A process has one function, and so one program, which all its instances use. */
static pthread_mutex_t sharing = PTHREAD_MUTEX_INITIALIZER;
static struct en_external *shared;

/* --- bringing it up ----------------------------------------------------------------------------
 */

/* With the lock, which is let go meanwhile. A program runs when this returns 0. */
static int bring_up(struct en_external *self, uint64_t until_ms, struct enoki_error *err)
{
    uint64_t failures = self->failures;

    en_external_judge(self);
    while (self->is_hung || self->phase != EN_EXTERNAL_RUNNING) {
        if (self->failures != failures) {
            *err = self->failure;
            return err->status;
        }
        if (en_clock_ms() >= until_ms)
            return ENOKI_ETIMEOUT;
        if (self->phase == EN_EXTERNAL_ENDED && !self->is_wanted) {
            self->is_wanted = true;
            (void)pthread_cond_broadcast(&self->changed);
        }
        en_external_wait(self, until_ms);
    }
    return 0;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t clock;

    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &clock);
    (void)pthread_condattr_destroy(&clock);
}

static void free_external(struct en_external *self)
{
    if (self == NULL)
        return;
    en_external_end_asking(self);
    en_external_end(self);
    en_external_end_state(self);
    en_external_words_fini(&self->words);
    en_buffer_fini(&self->input);
    (void)pthread_mutex_destroy(&self->writing);
    (void)pthread_cond_destroy(&self->to_ask);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

static int new_external(struct en_external **out, const struct enoki_external *external,
                        const struct enoki_env *env, struct enoki_error *err)
{
    struct en_external *self = calloc(1, sizeof(*self));
    int rc;

    if (self == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the function's program");
    self->settings = env->options;
    self->external = external;
    self->directory = enoki_env_directory(env);
    self->calls_fd = self->state_fd = -1;
    self->far_ends[0] = self->far_ends[1] = -1;
    self->door[0] = self->door[1] = -1;
    self->asked_end = &self->asked;
    init_condition(&self->changed);
    init_condition(&self->to_ask);
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_mutex_init(&self->writing, NULL);
    rc = en_external_words_init(&self->words, external, env, err);
    if (rc == 0)
        rc = en_external_keep(self, err);
    if (rc == 0) {
        (void)pthread_mutex_lock(&self->lock);
        rc = bring_up(self, UINT64_MAX, err); /* the keeper gives up in time */
        (void)pthread_mutex_unlock(&self->lock);
    }
    if (rc == 0)
        *out = self;
    else
        free_external(self);
    return rc;
}

int enoki_external_open(const struct enoki_external *external, const struct enoki_env *env,
                        void **instance_out, struct enoki_error *err)
{
    int rc = 0;

    (void)pthread_mutex_lock(&sharing);
    if (shared == NULL)
        rc = new_external(&shared, external, env, err);
    if (rc == 0) {
        shared->users++;
        *instance_out = shared;
    }
    (void)pthread_mutex_unlock(&sharing);
    return rc;
}

void enoki_external_close(void *instance)
{
    struct en_external *self = instance;

    if (self == NULL)
        return;
    (void)pthread_mutex_lock(&sharing);
    if (--self->users == 0) {
        free_external(self);
        shared = NULL;
    }
    (void)pthread_mutex_unlock(&sharing);
}

/* --- a call ------------------------------------------------------------------------------------
 */

static int begin(struct en_external *self, struct en_external_call *wait, uint64_t until_ms,
                 struct enoki_error *err)
{
    int rc;

    init_condition(&wait->changed);
    (void)pthread_mutex_lock(&self->lock);
    rc = bring_up(self, until_ms, err);
    if (rc == 0) {
        if (self->in_flight == 0)
            self->rounds++;
        wait->id = ++self->next_call;
        wait->next = self->waiting;
        self->waiting = wait;
        self->in_flight++;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return rc;
}

static void end(struct en_external *self, const struct en_external_call *wait)
{
    struct en_external_call **at = &self->waiting;

    (void)pthread_mutex_lock(&self->lock);
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    self->in_flight--;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

static int send_call(struct en_external *self, uint64_t id, const struct enoki_call *call,
                     uint64_t until_ms)
{
    const struct en_request *request = call->request;
    struct en_buffer out = EN_BUFFER_INIT(request->body.len + FRAME_EXTRA_BYTES);
    const struct en_frame_call frame = {
        .time_ms = until_ms - en_clock_ms(),
        .method = request->method,
        .subpath = call->info->subpath,
        .query = request->query,
        .body = request->body,
        .headers = request->headers,
        .header_count = request->header_count,
    };
    int rc = en_frame_call_put(&out, id, &frame);

    if (rc == 0)
        rc = en_external_send(self, &out, until_ms);
    en_buffer_fini(&out);
    return rc;
}

static int answer_504(struct enoki_call *call, const char *text, struct enoki_error *err)
{
    int rc = enoki_call_reply(call, text, strlen(text), err);

    return rc == 0 ? enoki_call_reply_status(call, 504, err) : rc;
}

/* The time is over. A program that has no other call is killed: what it goes on with would be in
 * the way of the next. Else it is told, and has a while to show that it does not hang. */
static int give_up(struct en_external *self, const struct en_external_call *wait,
                   struct enoki_call *call, struct enoki_error *err)
{
    struct en_buffer out = EN_BUFFER_INIT(EN_FRAME_HEAD_BYTES);
    bool is_alone;

    (void)pthread_mutex_lock(&self->lock);
    is_alone = self->in_flight == 1;
    if (is_alone || self->doubt_ms == 0)
        self->doubt_ms = en_clock_ms() + (is_alone ? 0 : SIGN_MS);
    en_external_judge(self);
    en_external_wake_all(self);
    (void)pthread_mutex_unlock(&self->lock);
    if (!is_alone && en_frame_empty_put(&out, EN_FRAME_CANCEL, wait->id) == 0)
        (void)!en_external_send(self, &out, en_clock_ms() + LAST_MS / 2);
    en_buffer_fini(&out);
    return answer_504(call, EN_CALL_LATE_TEXT, err);
}

static int tell_end(struct en_external *self, struct enoki_call *call, struct enoki_error *err)
{
    char how[64];
    bool is_hung, is_used_up;
    int rc;

    en_external_await_end(self, how, sizeof(how));
    (void)pthread_mutex_lock(&self->lock);
    is_hung = self->is_hung;
    is_used_up = self->is_used_up;
    (void)pthread_mutex_unlock(&self->lock);
    if (is_used_up)
        return answer_504(call, EN_CALL_USED_UP_TEXT, err);
    enoki_env_log(call->env, ENOKI_LOG_ERROR, "the function's program ended: %s", how);
    rc = enoki_call_replyf(call, err, "the function's program ended during this call (%s)\n",
                           is_hung ? "killed for another call that it did not answer in time"
                                   : how);
    return rc == 0 ? enoki_call_reply_status(call, 502, err) : rc;
}

static int take_answer(const struct en_external *self, const struct en_external_call *wait,
                       struct enoki_call *call, struct enoki_error *err)
{
    struct en_frame_reader reader = {(const unsigned char *)wait->answer.data, wait->answer.len,
                                     false};
    struct en_header headers[EN_HEADERS_MAX];
    struct en_frame_answer answer;
    int rc;

    if (wait->too_long > 0)
        return enoki_error_set(err, ENOKI_ELIMIT,
                               "the function answered %zu bytes; allowed (limits.reply): %" PRIu64,
                               wait->too_long, self->settings.function->limits.max_reply_bytes);
    if (en_frame_answer_take(&reader, &answer, headers) != 0)
        return enoki_error_set(err, ENOKI_EPROTO,
                               "the function's program sent an answer that cannot be read: its "
                               "status is from 200 to 599, its headers are at most %u",
                               EN_HEADERS_MAX);
    rc = en_reply_add_headers(call->reply, answer.headers, answer.header_count);
    if (rc != 0)
        return enoki_error_set(err, rc,
                               "the function answered with a header that is not legal, or is the "
                               "runtime's (Content-Length, Transfer-Encoding, Connection, Date), "
                               "or with too many");
    rc = enoki_call_reply(call, answer.body.data, answer.body.len, err);
    return rc == 0 ? enoki_call_reply_status(call, answer.status, err) : rc;
}

int enoki_external_invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    struct en_external *self = instance;
    int64_t left = enoki_call_remaining_ms(call) - LAST_MS;
    uint64_t until_ms = en_clock_ms() + (left > 0 ? (uint64_t)left : 0);
    struct en_external_call wait = {
        .call = call, .until_ms = until_ms, .answer = EN_BUFFER_INIT(SIZE_MAX / 4)};
    int rc = begin(self, &wait, until_ms, err);

    if (rc != 0)
        return rc == ENOKI_ETIMEOUT ? answer_504(call, EN_CALL_LATE_TEXT, err) : rc;
    rc = send_call(self, wait.id, call, until_ms);
    if (rc == 0)
        rc = en_external_await(self, &wait);
    if (rc == 0)
        rc = take_answer(self, &wait, call, err);
    else if (rc == ENOKI_ETIMEOUT)
        rc = give_up(self, &wait, call, err);
    else if (rc == ENOKI_ECLOSED)
        rc = tell_end(self, call, err);
    else
        (void)enoki_error_set(err, rc, "the call cannot be sent to the function's program: %s",
                              enoki_error_text(rc));
    end(self, &wait);
    en_buffer_fini(&wait.answer);
    (void)pthread_cond_destroy(&wait.changed);
    return rc;
}
