/*
 * server_state.h - the inside of struct enoki_server, for the files that make it up: server.c
 * (accept, drain, timers), registry.c (connections), reader.c (connections that the loop reads).
 */
#ifndef EN_SERVER_STATE_H
#define EN_SERVER_STATE_H

#include "invoke/server.h"

#include <pthread.h>
#include <stdatomic.h>

#define EN_LISTENERS_MAX 16u

/* The answer of a call that another thread gave, on its way to the loop. */
struct en_posted_reply;

struct enoki_server {
    struct en_server_options options;
    const struct enoki_dispatcher *dispatcher;
    void *self; /* the dispatcher's */
    const struct en_log *log;
    const struct enoki_limits *limits;
    struct en_input_budget input_budget;
    struct en_site own_site; /* the runtime's function */

    struct en_loop *loop;
    pthread_t loop_thread;
    struct en_server_listener listeners[EN_LISTENERS_MAX];
    struct en_watch *listener_watches[EN_LISTENERS_MAX];
    size_t listener_count;
    struct en_signal *sigterm;
    struct en_signal *sigint;
    struct en_timer *sweep; /* idle and slow connections */
    struct en_timer *tick;  /* the dispatcher's */
    struct en_timer *drain_limit;
    struct en_wake *wake; /* other threads: something below changed */
    struct en_frames *frames; /* NULL: there is no front door */

    bool gave_up; /* the drain limit was hit */
    bool accept_paused;
    size_t crowd; /* the most connections since memory was given back */
    uint64_t tick_at_ms; /* what the tick timer is set to */

    atomic_bool draining;
    atomic_bool retiring;
    atomic_uint_fast64_t next_id;
    atomic_uint_fast64_t outstanding;    /* submitted and not finished */
    atomic_uint_fast64_t tick_wanted_ms; /* by enoki_server_schedule */

    pthread_mutex_t mutex;
    /* Protected by mutex: */
    struct enoki_connection *connections;
    size_t connection_count;
    struct en_posted_reply *posted;
};

/* submit.c: the runtime's function as a site. */
enum en_route en_server_find_own(void *context, const struct en_request *request,
                                 struct en_target *target);
void en_server_submit_own(void *context, struct enoki_invocation *inv);

/* reader.c */
/* The dispatcher may take it. */
bool en_server_offers(const struct enoki_server *server, const struct enoki_connection *connection);
void en_server_give_connection(struct enoki_server *server, struct enoki_connection *connection);
void en_server_deliver_posted(struct enoki_server *server);

/* registry.c: the earliest deadline of a connection; kicks those that are past theirs. */
uint64_t en_server_sweep(struct enoki_server *server, uint64_t now_ms);
/* Ends the connection that has been idle longest, or one that has its last answer and only lingers,
 * once its owner sees it; false: there is none. Of a front door, whose loop reads them all. */
bool en_server_kick_oldest(struct enoki_server *server);
/* Makes idle connections end. */
void en_server_kick_idle(struct enoki_server *server);

#endif
