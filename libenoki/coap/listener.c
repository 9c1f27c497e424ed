/* The module's one symbol: CoAP over UDP by libcoap, in a thread of its own. */
#include "coap/endpoint.h"
#include "coap/listener.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STOP_WAIT_MS 1000
#define EVENTS_MAX 8
#define CALLS_MANY 4u
#define HANDSHAKES_MAX 100u
#define BODIES_MAX 256u
#define BODIES_AT_ONCE 16u /* of the longest there may be */
#define KEEPS_MAX 256u
#define KEEPS_MAX_BYTES ((size_t)64 << 20) /* or one of the longest there may be */
#define EXPIRE_MS 1000u             /* how exactly what waits for a client is forgotten */

/* --- the thread ---------------------------------------------------------------------------------
 */

static void take_answers(struct en_listener *listener)
{
    struct en_listener_call *call, *next;

    (void)pthread_mutex_lock(&listener->mutex);
    call = listener->answered;
    listener->answered = NULL;
    (void)pthread_mutex_unlock(&listener->mutex);
    for (; call != NULL; call = next) {
        next = call->answered;
        en_coap_call_end(call);
    }
}

/* Forgets what no client has asked for in a while; the time until the next look, in ms, or -1. */
static int expire(struct en_listener *listener)
{
    uint64_t now;

    if (listener->bodies.count == 0 && listener->keeps.count == 0)
        return -1;
    now = en_clock_ms();
    if (listener->expire_at_ms <= now) {
        en_coap_bodies_expire(&listener->bodies, now);
        en_coap_keeps_expire(&listener->keeps, now);
        listener->expire_at_ms = now + EXPIRE_MS;
    }
    return (int)(listener->expire_at_ms - now);
}

static int wait_ms(struct en_listener *listener)
{
    int acknowledge_ms = en_coap_acknowledge_due(listener), expire_ms = expire(listener);

    if (acknowledge_ms < 0 || (expire_ms >= 0 && expire_ms < acknowledge_ms))
        return expire_ms;
    return acknowledge_ms;
}

/* What the thread waits for is libcoap's, but for the wake: true if that is among them. */
static bool take_wake(const struct en_listener *listener, struct epoll_event *events, int *count)
{
    int others = 0;

    for (int i = 0; i < *count; i++) {
        if (events[i].data.ptr != &listener->wake)
            events[others++] = events[i];
    }
    if (others == *count)
        return false;
    *count = others;
    return true;
}

/* libcoap takes one datagram for an event, and looks at all its timers and clients afterwards.
 * While there are many calls it is told of several: one too many costs a read that gets nothing. */
static void repeat_event(const struct en_listener *listener, struct epoll_event *events, int *count)
{
    if (*count != 1 || events[0].data.ptr == NULL || listener->call_count < CALLS_MANY)
        return; /* NULL is its timer */
    while (*count < EVENTS_MAX)
        events[(*count)++] = events[0];
}

static void *serve(void *context)
{
    struct en_listener *listener = context;
    int fd = coap_context_get_coap_fd(listener->context);
    struct epoll_event events[EVENTS_MAX];

    while (!atomic_load(&listener->ending)) {
        int count = epoll_wait(fd, events, EVENTS_MAX, wait_ms(listener));

        if (count < 0) {
            if (errno != EINTR)
                break;
            continue;
        }
        if (take_wake(listener, events, &count))
            take_answers(listener);
        repeat_event(listener, events, &count);
        if (count > 0)
            coap_io_do_epoll(listener->context, events, (size_t)count);
    }
    return NULL;
}

static void wake_up(struct en_listener *listener)
{
    uint64_t one = 1;
    ssize_t written = write(listener->wake, &one, sizeof(one));

    (void)written; /* cannot fail: a counter of 64 bits */
}

/* --- the seam -----------------------------------------------------------------------------------
 */

/* Each write is an edge: what is written need not be read. */
static bool add_wake(struct en_listener *listener)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &listener->wake};

    return epoll_ctl(coap_context_get_coap_fd(listener->context), EPOLL_CTL_ADD, listener->wake,
                     &event) == 0;
}

static bool add_resource(coap_context_t *context)
{
    coap_resource_t *any = coap_resource_unknown_init(en_coap_on_request);

    if (any == NULL)
        return false;
    for (unsigned method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; method++)
        coap_register_handler(any, (coap_request_t)method, en_coap_on_request);
    coap_add_resource(context, any);
    return true;
}

static void release(struct en_listener *listener)
{
    en_coap_free_calls(listener);
    if (listener->context != NULL)
        coap_free_context(listener->context);
    en_coap_keys_free(listener->keys);
    en_coap_bodies_fini(&listener->bodies);
    en_coap_keeps_fini(&listener->keeps);
    en_coap_takens_fini(&listener->takens);
    en_buffer_fini(&listener->name);
    if (listener->wake >= 0)
        (void)close(listener->wake);
    (void)pthread_mutex_destroy(&listener->mutex);
    free(listener);
}

static int open_context(struct en_listener *listener, struct enoki_error *err)
{
    const struct en_listener_options *options = &listener->options;
    coap_address_t address;
    int rc = en_coap_address_parse(options->address, &address, err);

    if (rc == 0 && options->psk != NULL)
        rc = en_coap_keys_load(&listener->keys, options->psk, err);
    if (rc != 0)
        return rc;
    coap_startup();
    coap_set_log_level(LOG_EMERG); /* it would write to this process's output */
    coap_dtls_set_log_level(LOG_EMERG);
    listener->context = coap_new_context(NULL);
    if (listener->context == NULL || !add_resource(listener->context) || !add_wake(listener))
        return enoki_error_set(err, ENOKI_ENOMEM, "CoAP: no memory");
    coap_set_app_data(listener->context, listener);
    coap_context_set_block_mode(listener->context, 0); /* blocks are ours: body.h, kept.h */
    /* Who sends from many addresses, his own or not, costs no more memory than this. */
    coap_context_set_max_idle_sessions(listener->context, options->max_calls);
    coap_context_set_max_handshake_sessions(listener->context, HANDSHAKES_MAX);
    rc = en_coap_endpoint_open(listener->context, &address, listener->keys, err);
    if (rc == 0)
        en_coap_address_format(&address, listener->address, sizeof(listener->address));
    return rc;
}

static int start(struct en_listener **out, const struct en_listener_options *options,
                 struct enoki_error *err)
{
    struct en_listener *listener = calloc(1, sizeof(*listener));
    int rc;

    if (listener == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "CoAP: no memory");
    listener->options = *options;
    listener->bodies.max_count = BODIES_MAX;
    listener->bodies.max_bytes = options->max_body_bytes;
    listener->bodies.max_total_bytes = BODIES_AT_ONCE * options->max_body_bytes;
    listener->keeps.max_count = KEEPS_MAX;
    listener->keeps.max_total_bytes = KEEPS_MAX_BYTES;
    if (options->max_reply_bytes > KEEPS_MAX_BYTES / 2) /* a buffer has up to twice its bytes */
        listener->keeps.max_total_bytes = 2 * options->max_reply_bytes + 1024;
    (void)pthread_mutex_init(&listener->mutex, NULL);
    listener->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rc = listener->wake < 0 ? enoki_error_set(err, ENOKI_EIO, "CoAP: %s", strerrordesc_np(errno))
                            : open_context(listener, err);
    if (rc == 0 && pthread_create(&listener->thread, NULL, serve, listener) != 0)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "CoAP: no thread");
    if (rc != 0) {
        release(listener);
        return rc;
    }
    *out = listener;
    return 0;
}

static const char *get_scheme(const struct en_listener *listener)
{
    return listener->options.psk != NULL ? "coaps" : "coap";
}

static const char *get_address(const struct en_listener *listener)
{
    return listener->address;
}

static uint16_t choose_format(const struct en_listener_answer *answer)
{
    int format = en_coap_format(answer->content_type.data, answer->content_type.len);

    if (format >= 0)
        return (uint16_t)format;
    /* As the originals, which know text alone; what is no text is not called so. */
    return en_utf8_is_valid(answer->body.data, answer->body.len)
               ? COAP_MEDIATYPE_TEXT_PLAIN
               : COAP_MEDIATYPE_APPLICATION_OCTET_STREAM;
}

static void give_answer(struct en_listener_call *call, const struct en_listener_answer *answer)
{
    struct en_listener *listener = call->listener;
    bool is_first;

    call->format = choose_format(answer);
    call->status = answer->status;
    if (en_buffer_append(&call->body, answer->body.data, answer->body.len) != 0) {
        en_buffer_fini(&call->body);
        call->status = 500;
    }
    (void)pthread_mutex_lock(&listener->mutex);
    is_first = listener->answered == NULL;
    call->answered = listener->answered;
    listener->answered = call;
    (void)pthread_mutex_unlock(&listener->mutex);
    if (is_first) /* else the thread is on its way */
        wake_up(listener);
}

static void drain(struct en_listener *listener)
{
    atomic_store(&listener->draining, true);
}

static void stop(struct en_listener *listener)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    bool waits = true;

    /* Answers that were given are handed to libcoap, which sends at once. */
    for (int ms = 0; ms < STOP_WAIT_MS && waits; ms += 10) {
        (void)pthread_mutex_lock(&listener->mutex);
        waits = listener->answered != NULL;
        (void)pthread_mutex_unlock(&listener->mutex);
        if (waits)
            (void)nanosleep(&pause, NULL);
    }
    atomic_store(&listener->ending, true);
    wake_up(listener);
    (void)pthread_join(listener->thread, NULL);
    take_answers(listener);
    (void)coap_io_process(listener->context, COAP_IO_NO_WAIT);
    release(listener);
}

extern EN_MODULE_EXPORT const struct en_listener_ops enoki_module;
const struct en_listener_ops enoki_module = {
    .module = {.name = "coap", .version = ENOKI_VERSION},
    .scheme = get_scheme,
    .start = start,
    .address = get_address,
    .answer = give_answer,
    .drain = drain,
    .stop = stop,
};
