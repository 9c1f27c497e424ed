#include "net/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct en_loop {
    struct event_base *base;
};

struct en_watch {
    struct event *event;
    struct en_loop *loop;
    en_watch_fn fn;
    void *context;
    int fd;
    short enabled;
};

struct en_timer {
    struct event *event;
    uint64_t at_ms;
    en_timer_fn fn;
    void *context;
};

struct en_signal {
    struct event *event;
    en_signal_fn fn;
    void *context;
};

struct en_wake {
    struct event *event;
    en_wake_fn fn;
    void *context;
    int fd;
};

struct en_soon {
    struct event *event;
    en_soon_fn fn;
    void *context;
};

int en_loop_new(struct en_loop **out, struct enoki_error *err)
{
    struct en_loop *loop = calloc(1, sizeof(*loop));
    struct event_config *config = event_config_new();

    if (loop == NULL || config == NULL)
        goto no_memory;
    /* One thread runs a loop; others reach it by en_wake only. Precise timers would cost a system
     * call for each wait; those without may fire some ms early, see on_time(). Edges are for
     * en_wake; epoll has them, and a variable of libevent's that forbids it is not looked at. */
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) != 0 ||
        event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) != 0 ||
        event_config_require_features(config, EV_FEATURE_ET) != 0)
        goto no_memory;
    loop->base = event_base_new_with_config(config);
    if (loop->base == NULL)
        goto no_memory;
    event_config_free(config);
    *out = loop;
    return 0;

no_memory:
    if (config != NULL)
        event_config_free(config);
    free(loop);
    return enoki_error_set(err, ENOKI_ENOMEM, "no memory for an event loop");
}

void en_loop_free(struct en_loop *loop)
{
    if (loop == NULL)
        return;
    event_base_free(loop->base);
    free(loop);
}

int en_loop_run(struct en_loop *loop, struct enoki_error *err)
{
    if (event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
        return enoki_error_set(err, ENOKI_EIO, "the event loop stopped: %s", strerror(errno));
    return 0;
}

void en_loop_stop(struct en_loop *loop)
{
    (void)event_base_loopbreak(loop->base);
}

static void on_ready(evutil_socket_t fd, short what, void *context)
{
    struct en_watch *watch = context;

    (void)fd;
    watch->fn(watch->context, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

int en_watch_new(struct en_watch **out, struct en_loop *loop, int fd, en_watch_fn fn, void *context)
{
    struct en_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return ENOKI_ENOMEM;
    watch->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_ready, watch);
    if (watch->event == NULL) {
        free(watch);
        return ENOKI_ENOMEM;
    }
    watch->loop = loop;
    watch->fn = fn;
    watch->context = context;
    watch->fd = fd;
    *out = watch;
    return 0;
}

void en_watch_free(struct en_watch *watch)
{
    if (watch == NULL)
        return;
    event_free(watch->event);
    free(watch);
}

int en_watch_set(struct en_watch *watch, bool read, bool write)
{
    short wanted = (short)((read ? EV_READ : 0) | (write ? EV_WRITE : 0));

    if (wanted == watch->enabled)
        return 0;
    en_watch_pause(watch);
    if (wanted == 0)
        return 0;
    if (event_assign(watch->event, watch->loop->base, watch->fd, (short)(wanted | EV_PERSIST),
                     on_ready, watch) != 0)
        return ENOKI_EIO;
    if (event_add(watch->event, NULL) != 0)
        return ENOKI_ENOMEM;
    watch->enabled = wanted;
    return 0;
}

void en_watch_pause(struct en_watch *watch)
{
    if (watch->enabled != 0)
        (void)event_del(watch->event);
    watch->enabled = 0;
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    struct en_timer *timer = context;

    uint64_t now_ms = en_clock_ms();

    (void)fd;
    (void)what;
    if (now_ms < timer->at_ms)
        en_timer_set(timer, timer->at_ms, now_ms);
    else
        timer->fn(timer->context);
}

int en_timer_new(struct en_timer **out, struct en_loop *loop, en_timer_fn fn, void *context)
{
    struct en_timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL)
        return ENOKI_ENOMEM;
    timer->event = event_new(loop->base, -1, 0, on_time, timer);
    if (timer->event == NULL) {
        free(timer);
        return ENOKI_ENOMEM;
    }
    timer->fn = fn;
    timer->context = context;
    *out = timer;
    return 0;
}

void en_timer_free(struct en_timer *timer)
{
    if (timer == NULL)
        return;
    event_free(timer->event);
    free(timer);
}

void en_timer_set(struct en_timer *timer, uint64_t at_ms, uint64_t now_ms)
{
    uint64_t wait = at_ms > now_ms ? at_ms - now_ms : 0;
    struct timeval tv;

    if (at_ms == UINT64_MAX) {
        (void)event_del(timer->event);
        return;
    }
    timer->at_ms = at_ms;
    tv.tv_sec = (time_t)(wait / 1000);
    tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
    /* Fails only without memory for the first timer of a loop, which en_loop's users make at
     * their start, when nothing runs yet. */
    (void)event_add(timer->event, &tv);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct en_signal *signal_watch = context;

    (void)what;
    signal_watch->fn(signal_watch->context, number);
}

int en_signal_new(struct en_signal **out, struct en_loop *loop, int signal_number, en_signal_fn fn,
                  void *context)
{
    struct en_signal *signal_watch = calloc(1, sizeof(*signal_watch));

    if (signal_watch == NULL)
        return ENOKI_ENOMEM;
    signal_watch->fn = fn;
    signal_watch->context = context;
    signal_watch->event = evsignal_new(loop->base, signal_number, on_signal, signal_watch);
    if (signal_watch->event == NULL || event_add(signal_watch->event, NULL) != 0) {
        en_signal_free(signal_watch);
        return ENOKI_ENOMEM;
    }
    *out = signal_watch;
    return 0;
}

void en_signal_free(struct en_signal *signal_watch)
{
    if (signal_watch == NULL)
        return;
    if (signal_watch->event != NULL)
        event_free(signal_watch->event);
    free(signal_watch);
}

/* Each write is an edge, whatever the counter is: it need not be read, and never runs over. */
static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct en_wake *wake = context;

    (void)fd;
    (void)what;
    wake->fn(wake->context);
}

int en_wake_new(struct en_wake **out, struct en_loop *loop, en_wake_fn fn, void *context)
{
    struct en_wake *wake = calloc(1, sizeof(*wake));
    int rc = 0;

    if (wake == NULL)
        return ENOKI_ENOMEM;
    wake->fn = fn;
    wake->context = context;
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake->fd < 0)
        rc = ENOKI_EIO;
    else
        wake->event = event_new(loop->base, wake->fd, EV_READ | EV_PERSIST | EV_ET, on_wake, wake);
    if (rc == 0 && (wake->event == NULL || event_add(wake->event, NULL) != 0))
        rc = ENOKI_ENOMEM;
    if (rc != 0) {
        en_wake_free(wake);
        return rc;
    }
    *out = wake;
    return 0;
}

void en_wake_free(struct en_wake *wake)
{
    if (wake == NULL)
        return;
    if (wake->event != NULL)
        event_free(wake->event);
    if (wake->fd >= 0)
        (void)close(wake->fd);
    free(wake);
}

void en_wake_send(struct en_wake *wake)
{
    uint64_t one = 1;
    ssize_t written = write(wake->fd, &one, sizeof(one));

    (void)written; /* cannot fail: a counter of 64 bits */
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
    struct en_soon *soon = context;

    (void)fd;
    (void)what;
    soon->fn(soon->context);
}

int en_soon_new(struct en_soon **out, struct en_loop *loop, en_soon_fn fn, void *context)
{
    struct en_soon *soon = calloc(1, sizeof(*soon));

    if (soon == NULL)
        return ENOKI_ENOMEM;
    soon->fn = fn;
    soon->context = context;
    soon->event = event_new(loop->base, -1, 0, on_soon, soon);
    if (soon->event == NULL) {
        free(soon);
        return ENOKI_ENOMEM;
    }
    *out = soon;
    return 0;
}

void en_soon_free(struct en_soon *soon)
{
    if (soon == NULL)
        return;
    event_free(soon->event);
    free(soon);
}

void en_soon_set(struct en_soon *soon)
{
    event_active(soon->event, EV_TIMEOUT, 0);
}
