/*
 * runtime.h - what a runtime author includes: a runtime is a main of one line and a dispatcher.
 *
 *   int main(int argc, char **argv)
 *   {
 *       return enoki_runtime_main(argc, argv, &my_dispatcher);
 *   }
 *
 * The library reads options and configuration, opens listeners, speaks the protocols, loads the
 * function and drains on SIGTERM. The dispatcher decides who runs a call: it gets invocations
 * (submit) and, if it can, whole connections at a request boundary (take_connection), whose calls
 * its workers then read themselves, so that nothing is handed over per call.
 *
 * Memory   Everything handed to a dispatcher is borrowed unless a comment says consumed.
 * Threads  "loop thread" is the one that runs the server; see each member.
 * Fork     prepare runs before any thread, listener loop or state exists: the place to fork.
 *
 * This header may still change: ENOKI_EXPERIMENTAL.
 */
#ifndef ENOKI_RUNTIME_H
#define ENOKI_RUNTIME_H

#include <enoki/base.h>
#include <enoki/config.h>
#include <enoki/error.h>
#include <enoki/invocation.h>

struct enoki_runtime;    /* settings, log, the loaded function: one per process */
struct enoki_server;     /* listeners, connections, timers: one per process */
struct enoki_connection; /* one client connection */
struct enoki_worker;     /* one worker's copy of the function */

/* start and all that follows run in a child process that a small parent watches: when it dies, the
 * next one accepts on the same sockets at once. For dispatchers that run user code in-process. */
#define ENOKI_DISPATCHER_SUPERVISED 1u

struct enoki_dispatcher {
    size_t size;      /* sizeof(struct enoki_dispatcher) */
    const char *name; /* "thread": the runtime's name in logs and --help */
    uint32_t flags;
    uint32_t workers_default; /* 0: the number of cores */

    /* Optional. Single-threaded, before listeners exist. May fork and may load the function
     * (enoki_runtime_load) in a child. */
    int (*prepare)(void **self_out, const struct enoki_runtime *runtime, struct enoki_error *err);

    /* Loop thread, before the first call. *self_out is what prepare made, or NULL to be set here.
     * When it returns 0 the runtime is ready: workers can run calls. */
    int (*start)(void **self_out, struct enoki_server *server, struct enoki_error *err);

    /* Runs or queues one call; consumes it. Loop thread, and threads that serve connections. */
    void (*submit)(void *self, struct enoki_invocation *invocation);

    /* Optional. Loop thread. Takes over a connection that is between requests: consumed if 0 is
     * returned; refused, and read by the server, if not. */
    int (*take_connection)(void *self, struct enoki_connection *connection);

    /* Optional. Loop thread. Called when the time that it returned last has come (at first at
     * once, and after enoki_server_schedule). Enforces deadlines, adapts workers. UINT64_MAX: not
     * again. */
    uint64_t (*tick)(void *self, uint64_t now_ms);

    /* Loop thread, while draining: 1 when no submitted call is queued or running. */
    int (*is_idle)(void *self);

    /* Loop thread, after the drain or its time limit: ends the workers, waits for them, frees self.
     * Calls that still run are given up. */
    void (*stop)(void *self);
};

/*
 * Runs a runtime: parses the command line (--help lists it), loads the configuration, listens,
 * prints one `ready: URL` line per listener on standard error, serves until SIGTERM or SIGINT,
 * drains. Returns the exit status: 0 after a clean stop, 1 for a failure, 2 for a usage error.
 */
ENOKI_API int enoki_runtime_main(int argc, char **argv, const struct enoki_dispatcher *dispatcher);

/* --- the runtime: any process of it ---------------------------------------------------------- */

/* The function's and the node's settings, complete; borrowed as long as the runtime lives. */
ENOKI_API const struct enoki_function_settings *
enoki_runtime_function(const struct enoki_runtime *runtime);
ENOKI_API const struct enoki_node_settings *enoki_runtime_node(const struct enoki_runtime *runtime);

/* Writes one line to the runtime's log. Any thread. */
ENOKI_API void enoki_runtime_log(const struct enoki_runtime *runtime, int level, const char *format,
                                 ...) ENOKI_PRINTF(3, 4);

/*
 * Loads the function's library and runs its preload. Once, in the process whose threads or forked
 * children are the workers. Runs user code.
 *
 * ENOKI_EPLUGIN, ENOKI_ENOTFOUND, or what preload returned
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_runtime_load(const struct enoki_runtime *runtime,
                                                  struct enoki_error *err);

/* --- the server ------------------------------------------------------------------------------ */

ENOKI_API const struct enoki_runtime *enoki_server_runtime(const struct enoki_server *server);

/* 1 from SIGTERM on: no new connections; those that are open close after the request in progress.
 * Any thread. */
ENOKI_API int enoki_server_is_draining(const struct enoki_server *server);

/* Has tick called at now_ms (monotonic) or as soon as possible after it. Any thread. */
ENOKI_API void enoki_server_schedule(struct enoki_server *server, uint64_t now_ms);

/* Gives back a connection that take_connection took and nobody serves or waits on: the server reads
 * it, submits its calls, and offers it again when it is between requests. For a dispatcher whose
 * workers are all taken: async calls are accepted, and too many calls refused, all the same.
 * Consumes the connection. Loop thread, not from within submit. */
ENOKI_API void enoki_server_return_connection(struct enoki_server *server,
                                              struct enoki_connection *connection);

/* Stops this process in an orderly way and has the parent replace it at once: for a process that
 * cannot be used any longer. Supervised dispatchers only. Any thread. */
ENOKI_API void enoki_server_retire(struct enoki_server *server);

/* --- workers that live in threads of the server's process ------------------------------------ */

/*
 * Opens one worker; index names it in logs. The function must be loaded. The worker is used by one
 * thread at a time. On success owned by the caller: enoki_worker_free().
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_worker_open(struct enoki_worker **out,
                                                 struct enoki_server *server, uint32_t index,
                                                 struct enoki_error *err);
/* NULL is allowed. Not while a call is running. */
ENOKI_API void enoki_worker_free(struct enoki_worker *worker);

enum enoki_want {
    ENOKI_WANT_READ = 0,    /* call serve again when the socket is readable */
    ENOKI_WANT_WRITE = 1,   /* ... writable */
    ENOKI_WANT_CLOSE = 2,   /* the connection is gone: it was freed */
    ENOKI_WANT_GIVE_UP = 3, /* the connection is gone, and this worker's call had been answered 504
                               meanwhile (enoki_worker_expire returned 1 for it) */
};

/* The connection's socket, to wait on. It stays registered until the connection is freed, which
 * only enoki_worker_serve() does. */
ENOKI_API int enoki_connection_fd(const struct enoki_connection *connection);

/* Room for one pointer of the dispatcher's. */
ENOKI_API void enoki_connection_set_data(struct enoki_connection *connection, void *data);
ENOKI_API void *enoki_connection_data(const struct enoki_connection *connection);

/* Reads what is there, runs every complete call in this thread, writes the answers. The caller owns
 * the connection during the call (one thread at a time). */
ENOKI_API enum enoki_want enoki_worker_serve(struct enoki_worker *worker,
                                             struct enoki_connection *connection);

/* 1 while this worker runs user code, with the start on CLOCK_MONOTONIC; any thread. */
ENOKI_API int enoki_worker_is_busy(const struct enoki_worker *worker, uint64_t *since_ns_out);

/* When the call that the worker runs has to be given up at the earliest, in ms: its deadline, or
 * when its thread may have used the CPU time that a call may use; UINT64_MAX if none runs. Any
 * thread. */
ENOKI_API uint64_t enoki_worker_deadline_ms(const struct enoki_worker *worker);

/* If a call runs past its deadline or has used too much CPU time: answers 504 for it, marks the
 * worker as given up (its thread returns with ENOKI_WANT_GIVE_UP some time, or never) and returns
 * 1, or 2 if it was the CPU time: that thread goes on computing; else 0. Loop thread. */
ENOKI_API int enoki_worker_expire(struct enoki_worker *worker, uint64_t now_ms);

/* --- a pool of worker processes: the dispatcher of enoki-prefork and enoki-process ------------ */

/* Workers are forked from a small zygote that has loaded the function; what they share with the
 * parent, and how a crash costs one call, is in invoke/pool.h. */
ENOKI_API int enoki_pool_prepare_prefork(void **self_out, const struct enoki_runtime *runtime,
                                         struct enoki_error *err);
ENOKI_API int enoki_pool_prepare_process(void **self_out, const struct enoki_runtime *runtime,
                                         struct enoki_error *err);
ENOKI_API int enoki_pool_start(void **self_out, struct enoki_server *server,
                               struct enoki_error *err);
ENOKI_API void enoki_pool_submit(void *self, struct enoki_invocation *invocation);
ENOKI_API int enoki_pool_take_connection(void *self, struct enoki_connection *connection);
ENOKI_API uint64_t enoki_pool_tick(void *self, uint64_t now_ms);
ENOKI_API int enoki_pool_is_idle(void *self);
ENOKI_API void enoki_pool_stop(void *self);

#endif
