#include "invoke/pool_work.h"

#include "base/clock.h"
#include "invoke/direct.h"
#include "wire/call.h"

#include <string.h>

int en_work_tell(const struct en_work *work, struct en_pool_message *message, const void *body,
                 size_t len)
{
    message->worker = work->number;
    return en_packet_send(work->pool->results[1], message, sizeof(*message), body, len);
}

void en_work_begin(struct en_work *work, enum en_pool_state state, uint64_t now, uint64_t deadline)
{
    struct en_pool_shared *shared = work->pool->shared;
    uint32_t quiet = 0;

    atomic_store_explicit(&work->status->since_ms, now, memory_order_relaxed);
    atomic_store_explicit(&work->status->deadline_ms, deadline, memory_order_relaxed);
    atomic_fetch_add_explicit(&work->status->calls, 1, memory_order_relaxed);
    atomic_store_explicit(&work->status->state, state, memory_order_release);
    work->calls++;
    if (atomic_fetch_add(&shared->busy, 1) + 1 >= atomic_load(&shared->ready) &&
        atomic_load_explicit(&shared->watched, memory_order_relaxed) == 0 &&
        atomic_compare_exchange_strong(&shared->watched, &quiet, 1)) {
        struct en_pool_message message = {.type = EN_POOL_BUSY};

        if (en_work_tell(work, &message, NULL, 0) != 0)
            work->over = true;
    }
}

void en_work_end(struct en_work *work, enum en_pool_state state)
{
    atomic_store_explicit(&work->status->state, state, memory_order_release);
    (void)atomic_fetch_sub(&work->pool->shared->busy, 1);
}

/* A call that the parent has sent, and its tray while that is open. */
struct submitted {
    struct en_pool_message message;
    char *tray;
};

static char *open_tray(const struct en_work *work, struct submitted *submitted)
{
    if (submitted->tray == NULL)
        submitted->tray = en_tray_open(&work->pool->trays, submitted->message.tray);
    return submitted->tray;
}

static void close_tray(const struct en_work *work, struct submitted *submitted)
{
    if (submitted->tray != NULL)
        en_tray_close(&work->pool->trays, submitted->message.tray);
    submitted->tray = NULL;
}

/* Puts the answer's body into the call's tray, if it is one for that. */
static bool put_body(const struct en_work *work, struct submitted *submitted)
{
    const struct en_buffer *body = &work->reply.body;

    if (!en_trays_carry(&work->pool->trays, submitted->message.tray, body->len) ||
        open_tray(work, submitted) == NULL)
        return false;
    memcpy(submitted->tray, body->data, body->len);
    return true;
}

static void send_reply(struct en_work *work, struct submitted *submitted, bool ran)
{
    const struct en_reply *reply = &work->reply;
    struct en_pool_message message = {.type = EN_POOL_REPLY,
                                      .worker = work->number,
                                      .id = submitted->message.id,
                                      .tray = submitted->message.tray};
    struct en_answer_record answer = en_reply_record(reply);
    char head[EN_ANSWER_HEAD_BYTES];
    struct iovec parts[4] = {{&message, sizeof(message)},
                             {head, sizeof(head)},
                             {reply->headers.data, reply->headers.len},
                             {reply->body.data, 0}};
    size_t count = ran ? 4 : 1;

    if (ran && work->packet.passed >= 0 &&
        en_direct_answer(work->packet.passed, submitted->message.lent_call, reply)) {
        message.type = EN_POOL_SENT;
        count = 1;
    } else if (ran && put_body(work, submitted)) {
        message.tray_len = answer.body.len;
        answer.body.len = 0;
    }
    /* From the message on it may be another call's. */
    close_tray(work, submitted);
    en_answer_encode_head(head, &answer);
    parts[3].iov_len = answer.body.len;
    if (en_packet_send_parts(work->pool->results[1], parts, count) != 0)
        work->over = true; /* the parent sees the death, and answers for us */
}

/* What was received as a call, with the body from its tray. */
static int take_call(const struct en_work *work, struct submitted *submitted,
                     struct en_call_record *call)
{
    const struct en_pool_message *message = &submitted->message;
    int rc = en_call_decode(call, work->headers, work->packet.data + sizeof(*message),
                            work->packet.len - sizeof(*message));

    if (rc != 0 || message->tray_len == 0)
        return rc;
    if (open_tray(work, submitted) == NULL)
        return ENOKI_ENOMEM;
    submitted->tray[message->tray_len] = '\0';
    call->request.body = (struct en_text){submitted->tray, (size_t)message->tray_len};
    return 0;
}

static void run(struct en_work *work, struct submitted *submitted)
{
    const struct en_pool_message *message = &submitted->message;
    struct en_call_record call;
    struct en_call_info info;
    int rc = take_call(work, submitted, &call);

    if (rc == ENOKI_ENOMEM) {
        en_reply_text(&work->reply, 500, "no memory to read the call's body\n");
    } else if (rc != 0) {
        en_reply_text(&work->reply, 500, "the call arrived damaged\n");
    } else {
        info.id = message->id;
        info.deadline_ms = message->deadline_ms;
        info.subpath = en_request_subpath(&call.request, call.subpath_len);
        en_instance_run(work->instance, &call.request, &info, &work->reply);
    }
}

void en_work_run_submitted(struct en_work *work)
{
    struct submitted submitted = {.tray = NULL};
    struct en_pool_message *message = &submitted.message;
    uint64_t now = en_clock_ms();

    if (work->packet.len < sizeof(*message))
        return;
    memcpy(message, work->packet.data, sizeof(*message));
    if (message->type == EN_POOL_EXIT) {
        work->over = true;
        return;
    }
    if (!en_tray_claim(&work->pool->trays, message->tray, message->turn, work->number)) {
        en_packet_drop_passed(&work->packet);
        return;
    }
    en_reply_reset(&work->reply);
    work->status->id = message->id;
    en_work_begin(work, EN_POOL_SUBMITTED, now, message->deadline_ms);
    if (now >= message->deadline_ms) {
        en_work_end(work, EN_POOL_IDLE);
        send_reply(work, &submitted, false);
        return;
    }
    run(work, &submitted);
    /* State stays SUBMITTED until the answer is out: if we die before, the parent answers. */
    send_reply(work, &submitted, true);
    /* The caller's connection ends when its runtime says so. */
    en_packet_drop_passed(&work->packet);
    if (!work->over)
        en_work_end(work, EN_POOL_IDLE);
}
