/*
 * loop.h - the event loop of one thread: sockets, timers, signals, and wake-ups from other threads.
 * The only module that knows libevent.
 *
 * Memory   Everything made here belongs to the loop's user and is freed before the loop.
 * Time     milliseconds, monotonic (base/clock.h).
 * Threads  loop thread, but en_wake_send() and en_loop_stop() after a wake.
 * Fork     after: make the loop in the process that runs it.
 */
#ifndef EN_LOOP_H
#define EN_LOOP_H

#include <enoki/error.h>

#include <stdbool.h>

struct en_loop;
struct en_watch;
struct en_timer;
struct en_signal;
struct en_wake;
struct en_soon;

ENOKI_MUST_CHECK int en_loop_new(struct en_loop **out, struct enoki_error *err);
void en_loop_free(struct en_loop *loop);
/* Runs callbacks until en_loop_stop(). ENOKI_EIO */
ENOKI_MUST_CHECK int en_loop_run(struct en_loop *loop, struct enoki_error *err);
void en_loop_stop(struct en_loop *loop);

/* Calls fn as long as fd is readable or writable (level-triggered). A watch starts with nothing
 * enabled. The callback may free its own watch. */
typedef void (*en_watch_fn)(void *context, bool readable, bool writable);
ENOKI_MUST_CHECK int en_watch_new(struct en_watch **out, struct en_loop *loop, int fd,
                                  en_watch_fn fn, void *context);
/* Free it before fd is closed. NULL is allowed. */
void en_watch_free(struct en_watch *watch);
/* A no-op, without a system call, if nothing changes. ENOKI_ENOMEM, ENOKI_EIO */
ENOKI_MUST_CHECK int en_watch_set(struct en_watch *watch, bool read, bool write);
/* Nothing is enabled any more. */
void en_watch_pause(struct en_watch *watch);

/* Calls fn once, at at_ms or soon after; UINT64_MAX: not at all. Setting again moves it. */
typedef void (*en_timer_fn)(void *context);
ENOKI_MUST_CHECK int en_timer_new(struct en_timer **out, struct en_loop *loop, en_timer_fn fn,
                                  void *context);
void en_timer_free(struct en_timer *timer);
void en_timer_set(struct en_timer *timer, uint64_t at_ms, uint64_t now_ms);

/* Calls fn for each delivery of a signal, from the loop and not from a handler. */
typedef void (*en_signal_fn)(void *context, int signal_number);
ENOKI_MUST_CHECK int en_signal_new(struct en_signal **out, struct en_loop *loop, int signal_number,
                                   en_signal_fn fn, void *context);
void en_signal_free(struct en_signal *signal_watch);

/* Lets any thread have fn called in the loop; several sends before it runs are one call. */
typedef void (*en_wake_fn)(void *context);
ENOKI_MUST_CHECK int en_wake_new(struct en_wake **out, struct en_loop *loop, en_wake_fn fn,
                                 void *context);
void en_wake_free(struct en_wake *wake);
/* Any thread. */
void en_wake_send(struct en_wake *wake);

/* Calls fn once, after the callbacks that are due now and before the loop waits again: what many
 * callbacks have made is sent at once. No system call. */
typedef void (*en_soon_fn)(void *context);
ENOKI_MUST_CHECK int en_soon_new(struct en_soon **out, struct en_loop *loop, en_soon_fn fn,
                                 void *context);
void en_soon_free(struct en_soon *soon);
void en_soon_set(struct en_soon *soon);

#endif
