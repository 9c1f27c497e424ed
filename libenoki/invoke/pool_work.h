/*
 * pool_work.h - the inside of a worker process: what pool_worker.c and pool_worker_calls.c share.
 *
 * Threads  the worker's own one.    Fork  after.
 */
#ifndef EN_POOL_WORK_H
#define EN_POOL_WORK_H

#include "invoke/connection.h"
#include "invoke/instance.h"
#include "invoke/pool.h"

struct en_work {
    struct en_pool *pool;
    struct en_pool_status *status;
    uint32_t number;
    char name[16];
    struct en_instance *instance;
    struct en_connection *http;
    struct en_packet packet;
    struct en_reply reply;
    struct en_header *headers; /* EN_HEADERS_MAX */
    uint32_t *held;            /* by slot: the generation whose duplicate is open, or 0 */
    uint32_t held_count;
    int parent; /* pidfd */
    uint64_t next_id;
    uint64_t calls;
    bool over;
};

/* To the parent. Errors as en_packet_send() */
int en_work_tell(const struct en_work *work, struct en_pool_message *message, const void *body,
                 size_t len);

/* Around every call. */
void en_work_begin(struct en_work *work, enum en_pool_state state, uint64_t now,
                   uint64_t deadline);
void en_work_end(struct en_work *work, enum en_pool_state state);

/* Runs the call that was received. */
void en_work_run_submitted(struct en_work *work);

#endif
