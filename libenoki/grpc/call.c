#include "grpc/server.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/support/alloc.h>

#include <stdlib.h>
#include <string.h>

#define READ_MS 20000u /* from a call's arrival to its message */
#define SEND_MS 60000u /* until a client has taken its answer */
#define TEXT_MAX_BYTES 1024u

static void set_limit(struct en_listener_call *call, uint64_t ms)
{
    atomic_store(&call->until_ms, ms == 0 ? 0 : en_clock_ms() + ms);
}

/* --- messages -----------------------------------------------------------------------------------
 */

bool en_grpc_take(grpc_byte_buffer *message, grpc_slice *out)
{
    grpc_byte_buffer_reader reader;
    bool ok = message->data.raw.compression == GRPC_COMPRESS_NONE &&
              grpc_byte_buffer_reader_init(&reader, message) != 0;

    if (ok) {
        *out = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    grpc_byte_buffer_destroy(message);
    return ok;
}

grpc_byte_buffer *en_grpc_message(struct en_buffer *bytes)
{
    grpc_slice slice;
    grpc_byte_buffer *message;

    if (en_buffer_reserve(bytes, 1) != 0) /* an empty message has an address too */
        return NULL;
    slice = grpc_slice_new_with_user_data(bytes->data, bytes->len, free, bytes->data);
    *bytes = (struct en_buffer){NULL, 0, 0, bytes->max};
    message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return message;
}

/* --- the life of a call -------------------------------------------------------------------------
 */

static struct en_listener_call *new_call(struct en_listener *listener)
{
    struct en_listener_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    call->listener = listener;
    call->chain.call = call->end.call = call->close.call = call;
    call->text = grpc_empty_slice();
    call->is_busy = true;
    grpc_call_details_init(&call->details);
    grpc_metadata_array_init(&call->metadata);
    return call;
}

/* What gRPC has of it; the listener knows it no more. */
static void release(struct en_listener_call *call)
{
    struct en_listener *listener = call->listener;

    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        listener->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    listener->call_count--;
    grpc_call_unref(call->call);
}

static void free_call(struct en_listener_call *call)
{
    grpc_call_details_destroy(&call->details);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_slice_unref(call->text);
    free(call);
}

static void release_if_over(struct en_listener_call *call)
{
    bool is_at_rest;

    (void)pthread_mutex_lock(&call->listener->mutex);
    is_at_rest = call->method == &en_grpc_watch && !call->is_busy;
    (void)pthread_mutex_unlock(&call->listener->mutex);
    if (!call->closed || (!call->ended && !is_at_rest))
        return;
    release(call);
    free_call(call);
}

static void on_close(struct en_listener_call *call, bool ok)
{
    struct en_listener *listener = call->listener;
    uint64_t id = call->id;
    bool is_waiting;

    (void)ok;
    call->closed = true;
    (void)pthread_mutex_lock(&listener->mutex);
    is_waiting = call->state == EN_GRPC_HANDED;
    if (is_waiting) {
        release(call);
        call->state = EN_GRPC_GONE; /* who answers frees it */
    }
    (void)pthread_mutex_unlock(&listener->mutex);
    if (!is_waiting)
        release_if_over(call);
    else if (listener->options.gone != NULL)
        listener->options.gone(listener->options.context, id);
}

static void on_end(struct en_listener_call *call, bool ok)
{
    (void)ok;
    call->ended = true;
    release_if_over(call);
}

/* gRPC refuses a batch only if it was made wrongly. What it does not take is cancelled, so that it
 * does not stay. */
static void start(struct en_listener_call *call, const grpc_op *ops, size_t count,
                  struct en_grpc_tag *tag)
{
    if (grpc_call_start_batch(call->call, ops, count, tag, NULL) != GRPC_CALL_OK)
        (void)grpc_call_cancel(call->call, NULL);
}

static void await_close(struct en_listener_call *call)
{
    grpc_op op;

    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op.data.recv_close_on_server.cancelled = &call->cancelled;
    call->close.happened = on_close;
    start(call, &op, 1, &call->close);
}

/* --- its chain ----------------------------------------------------------------------------------
 */

static void on_read(struct en_listener_call *call, bool ok)
{
    grpc_byte_buffer *message = call->message;

    (void)ok;
    call->message = NULL;
    set_limit(call, 0);
    call->method->read(call, message);
}

void en_grpc_read(struct en_listener_call *call)
{
    grpc_op op;

    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &call->message;
    call->chain.happened = on_read;
    set_limit(call, READ_MS);
    start(call, &op, 1, &call->chain);
}

static size_t begin(struct en_listener_call *call, grpc_op *ops, grpc_byte_buffer *message)
{
    size_t count = 0;

    if (!call->has_begun)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->has_begun = true;
    if (message != NULL) {
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = message;
    }
    return count;
}

void en_grpc_write(struct en_listener_call *call, grpc_byte_buffer *message,
                   void (*written)(struct en_listener_call *call, bool ok))
{
    grpc_op ops[2];
    size_t count;

    memset(ops, 0, sizeof(ops));
    count = begin(call, ops, message);
    call->chain.happened = written;
    set_limit(call, SEND_MS);
    start(call, ops, count, &call->chain);
    grpc_byte_buffer_destroy(message);
}

void en_grpc_finish(struct en_listener_call *call, grpc_byte_buffer *message, grpc_status_code code,
                    const char *text, size_t text_len)
{
    grpc_op ops[3];
    size_t count;

    memset(ops, 0, sizeof(ops));
    count = begin(call, ops, message);
    while (text_len > 0 && (text_len > TEXT_MAX_BYTES || text[text_len - 1] == '\n' ||
                            ((unsigned char)text[text_len] & 0xc0) == 0x80))
        text_len--;
    if (en_utf8_is_valid(text, text_len))
        call->text = grpc_slice_from_copied_buffer(text, text_len);
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = code;
    ops[count++].data.send_status_from_server.status_details = &call->text;
    call->end.happened = on_end;
    set_limit(call, SEND_MS);
    start(call, ops, count, &call->end);
    grpc_byte_buffer_destroy(message);
}

void en_grpc_fail(struct en_listener_call *call, grpc_status_code code, const char *text)
{
    en_grpc_finish(call, NULL, code, text, strlen(text));
}

/* --- arrival ------------------------------------------------------------------------------------
 */

static void on_arrival(struct en_listener_call *call, bool ok)
{
    struct en_listener *listener = call->listener;

    if (!ok) { /* the server ends */
        free_call(call);
        return;
    }
    en_grpc_accept(listener);
    call->id = ++listener->last_id;
    call->next = listener->calls;
    if (call->next != NULL)
        call->next->previous = call;
    listener->calls = call;
    listener->call_count++;
    await_close(call);
    call->method =
        en_grpc_method_find((const char *)GRPC_SLICE_START_PTR(call->details.method),
                            GRPC_SLICE_LENGTH(call->details.method));
    if (call->method == NULL)
        en_grpc_fail(call, GRPC_STATUS_UNIMPLEMENTED,
                     "no such method: functions are called by "
                     "openfogstack.tinyfaas.tinyfaas.TinyFaaS/Request");
    else if (atomic_load(&listener->draining))
        en_grpc_fail(call, GRPC_STATUS_UNAVAILABLE, "the node stops");
    else if (listener->call_count > listener->options.max_calls)
        en_grpc_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                     "too many calls are waiting: try again later");
    else
        en_grpc_read(call);
}

void en_grpc_accept(struct en_listener *listener)
{
    struct en_listener_call *call = new_call(listener);

    if (call == NULL)
        return; /* the others that wait for a call ask for more */
    call->chain.happened = on_arrival;
    if (grpc_server_request_call(listener->server, &call->call, &call->details, &call->metadata,
                                 listener->queue, listener->queue, &call->chain) != GRPC_CALL_OK)
        free_call(call);
}

void en_grpc_tick(struct en_listener *listener)
{
    uint64_t now = en_clock_ms();

    for (struct en_listener_call *call = listener->calls, *next; call != NULL; call = next) {
        uint64_t until = atomic_load(&call->until_ms);

        next = call->next;
        if (until != 0 && until <= now)
            (void)grpc_call_cancel(call->call, NULL);
        if (call->closed)
            release_if_over(call);
        else if (call->method != NULL && call->method->tick != NULL)
            call->method->tick(call);
    }
}

/* --- handed over --------------------------------------------------------------------------------
 */

void en_grpc_hand_over(struct en_listener_call *call, struct en_listener_request *request)
{
    struct en_listener *listener = call->listener;

    request->id = call->id;
    (void)pthread_mutex_lock(&listener->mutex);
    call->state = EN_GRPC_HANDED;
    call->before = NULL;
    call->after = listener->waiting;
    if (call->after != NULL)
        call->after->before = call;
    listener->waiting = call;
    (void)pthread_mutex_unlock(&listener->mutex);
    listener->options.call(listener->options.context, call, request);
}

void en_grpc_answer(struct en_listener_call *call, const struct en_listener_answer *answer)
{
    struct en_listener *listener = call->listener;
    bool is_gone;

    (void)pthread_mutex_lock(&listener->mutex);
    if (call->before != NULL)
        call->before->after = call->after;
    else
        listener->waiting = call->after;
    if (call->after != NULL)
        call->after->before = call->before;
    is_gone = call->state == EN_GRPC_GONE;
    call->state = EN_GRPC_OWN;
    (void)pthread_mutex_unlock(&listener->mutex);
    if (is_gone)
        free_call(call);
    else
        call->method->answered(call, answer);
}

void en_grpc_free_waiting(struct en_listener *listener)
{
    while (listener->waiting != NULL) {
        struct en_listener_call *call = listener->waiting;

        listener->waiting = call->after;
        free_call(call);
    }
}
