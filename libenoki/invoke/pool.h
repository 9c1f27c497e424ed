/*
 * pool.h - worker processes of enoki-prefork and enoki-process, and what they share.
 *
 *   parent    loop thread: accepts, queues calls, watches deadlines; never runs user code
 *   zygote    forked before anything else exists; has loaded the function; forks workers
 *   worker    runs calls, one at a time
 *
 * Calls come to workers in two ways, which all wait at one place, an epoll set that parent and
 * workers share:
 *
 * Connections (prefork). The parent puts an accepted socket into the set, EPOLLONESHOT, under a
 * descriptor number that means the same connection in every process; a worker that meets it for the
 * first time fetches a duplicate from the parent (pidfd_getfd, about 1 us, once). Whichever worker
 * is free gets the event, reads the request, runs it, answers and arms the socket again: nothing is
 * handed over per call, and no call waits behind a busy worker while another is free. What a worker
 * cannot finish at once (half a request, a client that does not read) goes back to the parent with
 * the bytes that were read, so that a slow client never holds a worker.
 *
 * Calls (asynchronous ones, what the parent read itself, all behind a front door and of
 * enoki-process). They are messages on one socket that all workers receive from; there are never
 * more of them than two for a worker. Each is on a tray (trays.h), so that none is lost with a
 * worker that dies as it receives it. Large bodies, of calls and of answers, lie there too, but for
 * enoki-process, where nothing of a call may stay for the next one, and those that no tray is large
 * enough for: they go in a memory file (packet.h).
 *
 * A worker notes in memory shared with the parent which call it runs and which bytes behind the
 * request it has read. When it dies, the parent answers 502, or 504 if it killed it for its
 * deadline, on its own descriptor, and goes on with those bytes. That memory is foreign: the worker
 * shares its address space with user code. A worker reaches its own part only.
 *
 * When all workers have been busy for a while the parent reads waiting requests itself, so that
 * the queue has an end (503), deadlines hold while waiting, and an elastic pool grows.
 *
 * Threads  loop thread.    Fork  prepare forks; see the picture.
 */
#ifndef EN_POOL_H
#define EN_POOL_H

#include "invoke/client.h"
#include "invoke/invocation.h"
#include "invoke/runtime.h"
#include "invoke/trays.h"
#include "net/loop.h"
#include "net/packet.h"
#include "state/relay/relay.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/types.h>

/* --- messages ------------------------------------------------------------------------------- */

enum en_pool_type {
    /* parent -> zygote */
    EN_POOL_FORK = 1, /* worker */
    /* zygote -> parent */
    EN_POOL_LOADED,
    EN_POOL_FORKED, /* worker, id: the pid */
    EN_POOL_DIED,   /* worker, id: the wait status, input_len: KiB of memory that it had at most */
    /* parent -> any worker */
    EN_POOL_CALL, /* id, deadline_ms; a call record */
    EN_POOL_EXIT, /* whoever takes it ends */
    /* worker (or, for FAILED, zygote) -> parent */
    EN_POOL_READY,  /* worker */
    EN_POOL_FAILED, /* worker; the text why it cannot start */
    EN_POOL_SENT,   /* worker, id; its answer was sent straight to who waits for it */
    EN_POOL_REPLY,  /* worker, id; an answer record, or nothing: too late to run it */
    EN_POOL_ASYNC,  /* a call record: answered 202 already, to be queued */
    EN_POOL_RETURN, /* slot, generation, close_after, continued; input and output of a connection */
    EN_POOL_CLOSE,  /* slot, generation */
    EN_POOL_BUSY,   /* all workers are */
    EN_POOL_DUE,    /* deadline_ms: of a call that has less time than usual */
};

struct en_pool_message {
    uint32_t type;
    uint32_t worker;
    uint64_t id;
    uint64_t deadline_ms;
    uint32_t slot;
    uint32_t generation;
    uint64_t input_len;
    uint32_t close_after;
    uint32_t continued;
    uint64_t lent_call; /* CALL: the number of the call on the connection that comes with it */
    uint64_t tray_len;  /* CALL, REPLY: of a body that lies in the tray; 0: it is in the record */
    uint32_t tray;      /* CALL, REPLY, SENT: the call's */
    uint32_t turn;      /* CALL: the tray's */
};

/* --- shared memory -------------------------------------------------------------------------- */

enum en_pool_state {
    EN_POOL_IDLE = 0,
    EN_POOL_READING,   /* holds a connection, no call */
    EN_POOL_CALLING,   /* runs a call of the connection slot/generation */
    EN_POOL_SUBMITTED, /* runs the call id */
};

/* One worker's part; its read buffer follows on the next page. */
struct en_pool_status {
    _Atomic uint32_t state;
    uint32_t slot;
    uint32_t generation;
    uint32_t is_head;     /* the request's method is HEAD */
    uint32_t close_after; /* the connection ends after the call's answer */
    uint64_t id;
    _Atomic uint64_t since_ms;
    _Atomic uint64_t deadline_ms;
    _Atomic uint64_t calls; /* ever, by all workers of this number */
    uint64_t rest_offset;   /* of what was read behind the request, in the read buffer */
    uint64_t rest_len;
};

/* One page that all share. */
struct en_pool_shared {
    _Atomic uint32_t draining;
    _Atomic uint32_t ready;   /* workers that can run calls */
    _Atomic uint32_t busy;    /* workers that run one */
    _Atomic uint32_t watched; /* the parent looks by itself: no need for EN_POOL_BUSY */
    _Atomic uint32_t waiting; /* calls in the parent's queue, and asynchronous ones on their way */
};

/* --- the pool ------------------------------------------------------------------------------- */

enum en_pool_phase {
    EN_POOL_ABSENT = 0,
    EN_POOL_STARTING,
    EN_POOL_ALIVE,
};

/* Why the parent killed it. */
enum en_pool_kill {
    EN_POOL_NOT_KILLED = 0,
    EN_POOL_KILLED_LATE, /* its call passed the deadline */
    EN_POOL_KILLED_CPU,  /* its call used too much CPU time */
};

/* What the caller is told whose worker ended. */
struct en_pool_failure {
    int status;        /* 502, 504 */
    const char *text;  /* constant */
    const char *limit; /* that it crossed, for the log; NULL: none that can be told */
};

struct en_pool_worker {
    enum en_pool_phase phase;
    pid_t pid; /* 0 until the zygote has said it */
    enum en_pool_kill killed;
    uint64_t cpu_call;   /* the call whose CPU time is watched, by the worker's count; 0: none */
    uint64_t cpu_ns;     /* the worker's at the first look at that call */
    uint64_t calls_seen; /* at the last look for idle ones */
};

struct en_pool {
    /* Before the zygote: inherited by all. */
    const struct enoki_runtime *runtime;
    const struct enoki_limits *limits;
    bool shares_connections; /* prefork, and this machine allows it */
    bool one_call;           /* process */
    uint32_t workers_max;
    uint32_t slots;    /* connections at most */
    int slot_base;     /* descriptor number of slot 0 */
    size_t part_bytes; /* of one worker's status and read buffer */
    char *parts;
    struct en_pool_shared *shared;
    struct en_trays trays;
    int set;        /* the shared epoll set, or -1 */
    int calls[2];   /* [0] parent, [1] workers */
    int results[2]; /* [0] parent, [1] workers */
    int control[2]; /* [0] parent, [1] zygote */
    int door[2];    /* to the state: [0] parent, [1] workers; -1: they open it themselves */
    pid_t parent;
    pid_t zygote;

    /* The parent's. */
    struct enoki_server *server;
    struct en_relay *relay;
    struct en_watch *results_watch;
    struct en_watch *control_watch;
    struct en_packet packet;
    struct en_pool_worker *workers;
    uint32_t present; /* workers STARTING or ALIVE */
    uint32_t alive;
    struct enoki_connection **connections; /* by slot; NULL: not in the set */
    uint32_t *generations;
    uint32_t next_slot; /* where the search for a free one goes on */
    uint32_t taken;
    struct en_invocation_queue queue; /* waiting */
    struct en_invocation_queue sent;  /* with the workers: on trays, some of whose calls are late */
    bool is_orphaned;                 /* the zygote is gone */
    uint32_t calm;                    /* looks in a row that found a free worker */
    bool watching;
    bool counted;            /* the call that is being submitted is in shared->waiting already */
    uint64_t idle_look_ms;   /* next look for idle connections */
    uint64_t shrink_look_ms; /* next look for idle workers */
    uint64_t fork_at_ms;     /* not before, after failed starts */
    uint64_t fork_pause_ms;
    char failure[ENOKI_ERROR_MESSAGE_BYTES]; /* of the last start */
};

static inline struct en_pool_status *en_pool_status(const struct en_pool *pool, uint32_t worker)
{
    return (struct en_pool_status *)(void *)(pool->parts + worker * pool->part_bytes);
}

/* User code's files get the numbers below, in workers that share connections. */
#define EN_POOL_SLOT_BASE 2048
/* What a worker has open itself. */
#define EN_POOL_DESCRIPTORS 32u

/* Numbers that are kept for connections, and those below them. */
static inline uint64_t en_pool_numbers(const struct en_pool *pool)
{
    return pool->shares_connections ? EN_POOL_SLOT_BASE + pool->slots + 64u : 0;
}

#define EN_POOL_PAGE 4096u
/* The data of the calls socket in the shared set; a connection's is its generation and slot. */
#define EN_POOL_CALLS UINT64_MAX

static inline struct epoll_event en_pool_event(uint32_t slot, uint32_t generation)
{
    return (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
                                .data.u64 = (uint64_t)generation << 32 | slot};
}

static inline uint32_t en_pool_event_slot(const struct epoll_event *event)
{
    return (uint32_t)event->data.u64;
}

static inline uint32_t en_pool_event_generation(const struct epoll_event *event)
{
    return (uint32_t)(event->data.u64 >> 32);
}

/* In user code, or about to be. */
static inline bool en_pool_is_in_call(uint32_t state)
{
    return state == EN_POOL_CALLING || state == EN_POOL_SUBMITTED;
}

/* Calls that are with the workers at most, for each of them. */
#define EN_POOL_CALLS_EACH 2u
/* Between two looks while workers are busy. */
#define EN_POOL_LOOK_MS 5u

/* zygote.c: the zygote's life; never returns. */
_Noreturn void en_pool_zygote(struct en_pool *pool);

/* pool_worker.c: a worker's life. Returns its exit status. */
int en_pool_work(struct en_pool *pool, uint32_t worker);

/* pool.c, parent: handles what workers have said. */
void en_pool_on_results(void *context, bool readable, bool writable);

/* pool_workers.c, parent */
void en_pool_adapt(struct en_pool *pool, uint64_t now_ms); /* forks what is missing */
void en_pool_on_control(void *context, bool readable, bool writable);
uint64_t en_pool_shrink(struct en_pool *pool, uint64_t now_ms);

/* pool_limits.c, parent */
extern const struct en_pool_failure en_pool_late;
/* How a worker ended: its wait status, and the most memory that it ever had. */
const struct en_pool_failure *en_pool_diagnose(const struct en_pool *pool, uint32_t worker,
                                               int wait_status, uint64_t max_kib);
/* Kills workers whose call used too much; returns when to look again. */
uint64_t en_pool_watch_cpu(struct en_pool *pool, uint64_t now_ms);
uint64_t en_pool_cpu_interval(const struct en_pool *pool); /* UINT64_MAX: nothing to watch */

/* pool_calls.c, parent */
void en_pool_pump(struct en_pool *pool); /* from the queue to the workers */
void en_pool_fail_all(struct en_pool *pool); /* 502 to all that are here */
void en_pool_on_reply(struct en_pool *pool, const struct en_pool_message *message, const char *body,
                      size_t len);
void en_pool_on_sent(struct en_pool *pool, const struct en_pool_message *message);
void en_pool_on_async(struct en_pool *pool, const char *body, size_t len);
/* After a worker has ended: answers for it; if it may have received a call that it had no time to
 * claim, sends those again that nobody has claimed. */
void en_pool_calls_lost(struct en_pool *pool, const struct en_pool_failure *failure,
                        bool may_have_more);
uint64_t en_pool_expire_calls(struct en_pool *pool, uint64_t now_ms);
/* Gives back what large bodies took, once there are none. */
uint64_t en_pool_rest(struct en_pool *pool, uint64_t now_ms);

/* pool_connections.c, parent */
int en_pool_take(struct en_pool *pool, struct enoki_connection *connection);
void en_pool_on_return(struct en_pool *pool, const struct en_pool_message *message,
                       const char *body, size_t len);
void en_pool_on_close(struct en_pool *pool, const struct en_pool_message *message);
/* The worker died while it had a connection: answers the failure (NULL: closes). */
void en_pool_connection_lost(struct en_pool *pool, uint32_t worker,
                             const struct en_pool_failure *failure);
void en_pool_reclaim_all(struct en_pool *pool);
uint64_t en_pool_look(struct en_pool *pool, uint64_t now_ms);      /* overflow */
uint64_t en_pool_idle_look(struct en_pool *pool, uint64_t now_ms); /* idle connections */

#endif
