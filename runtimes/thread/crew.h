/*
 * crew.h - the threads of enoki-thread, and what they share.
 *
 * All threads share one epoll set; each connection is in it with EPOLLONESHOT, so that the thread
 * that gets its event owns it until it arms it again: it reads, runs the calls, writes, and nothing
 * is handed over. As many threads as there are slots of the gate wait for events; a monitor lets
 * others in when those are blocked (monitor.c). Threads are made when they are needed. When there
 * may be no more of them and all are taken for a while, the server reads the connections that wait
 * (deadline.c), so that async calls are accepted and too many refused; calls that it reads wait in
 * the queue.
 *
 *   dispatcher.c  start, stop, what comes in: the loop thread
 *   deadline.c    what takes too long: the loop thread
 *   crew.c        making and ending of threads
 *   member.c      what a thread does
 *   monitor.c     work that waits while nobody waits for work
 *
 * Threads  each function says which.
 */
#ifndef THREAD_CREW_H
#define THREAD_CREW_H

#include "gate.h"
#include "probe.h"
#include "queue.h"

#include <enoki/function.h>
#include <enoki/runtime.h>

#include <stdint.h>

enum member_state {
    MEMBER_NONE,  /* no thread, or one that ended and was joined */
    MEMBER_LIVE,  /* from its making until it ends */
    MEMBER_ENDED, /* to be joined */
};

struct member {
    struct gate_member gate;
    struct crew *crew;
    uint32_t index;
    pthread_t thread;
    _Atomic pid_t tid;
    struct probe probe; /* the monitor's */
    /* Protected by the gate's mutex: */
    enum member_state state;
    struct enoki_worker *worker; /* NULL before it is open and after it is freed */
    bool is_counted;             /* among crew->threads */
    bool is_checked;             /* the loop thread looks at its worker: it stays */
    bool is_given_up;
    bool in_invocation;
};

struct crew {
    struct gate gate;
    struct enoki_server *server;
    const struct enoki_runtime *runtime;
    const struct enoki_limits *limits;
    uint32_t min;
    uint32_t max;
    size_t member_count; /* max, and one for each thread that may be given up */
    struct member *members;

    int epoll_fd;
    int queue_fd; /* a semaphore: one for each queued invocation */
    int stop_fd;
    int wake_fd; /* the monitor's */
    pthread_t monitor;
    bool has_monitor;

    _Alignas(GATE_CACHE_LINE) atomic_bool monitor_sleeps; /* read every turn, written rarely */
    _Alignas(GATE_CACHE_LINE) atomic_size_t connections;

    /* Protected by the gate's mutex: */
    pthread_cond_t changed; /* a worker was opened, a thread ended */
    struct queue queue;
    uint32_t threads;   /* live and not given up */
    uint32_t abandoned; /* given up and live */
    bool burns; /* one that was given up goes on computing: until this process ends */
    bool is_retired;
    bool is_saturated; /* no thread could be made, none has taken an event for a while */
    bool is_ticking;
    bool is_stopping;
    uint64_t retry_at_ns; /* no thread is made before: the last one could not be */
    struct enoki_error open_error;
};

/* Tags in the epoll set; everything else is a connection. */
static inline void *crew_queue_tag(struct crew *crew)
{
    return &crew->queue;
}

static inline void *crew_stop_tag(struct crew *crew)
{
    return &crew->stop_fd;
}

uint64_t crew_now_ns(void);

/* crew.c. Starts one more thread on a free slot. With the mutex held, which is released meanwhile;
 * any thread. 0, or ENOKI_ELIMIT, ENOKI_ENOMEM. */
int crew_add_thread(struct crew *crew);
/* With the mutex held: the thread takes no more calls; another one may be made for it. */
void crew_discount(struct member *member);
/* The calling thread ends. With the mutex held. */
void crew_end_thread(struct member *member);
/* Takes leave of the threads that ended. With the mutex held. */
void crew_join_ended(struct crew *crew);
/* Wakes the monitor if it sleeps and nobody waits for work. Any thread. */
void crew_check_watch(struct crew *crew);
/* Has somebody take the next queued invocation. Any thread. */
void crew_arm_queue(struct crew *crew);
/* Adds one to an eventfd of the crew. Any thread. */
void crew_signal(int fd);

/* Calls wait in the queue, or run, or are about to. With the mutex held; any thread. */
bool crew_has_calls(const struct crew *crew);

/* deadline.c: the dispatcher's tick. */
uint64_t crew_tick(void *crew, uint64_t now_ms);
/* With the mutex held: the loop thread does not look at the member's worker any more. */
void crew_wait_checked(struct member *member);

/* member.c, monitor.c: for pthread_create. */
void *member_main(void *member);
void *monitor_main(void *crew);

#endif
