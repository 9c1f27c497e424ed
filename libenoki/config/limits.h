/*
 * limits.h - the limits of one runtime: one row each, for the file, the command line and --check.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_LIMITS_H
#define EN_LIMITS_H

#include "config/units.h"

#include <enoki/config.h>

/* key, unit, member of struct enoki_limits, smallest, largest, default, option, meaning */
#define EN_LIMITS(X)                                                                               \
    X("header", SIZE, max_header_bytes, 1024, 1048576, "32KiB", "max-header",                      \
      "Request line and headers; above: 431")                                                      \
    X("body", SIZE, max_body_bytes, 1, 1073741824, "4MiB", "max-body",                             \
      "Body of a request; above: 413")                                                             \
    X("reply", SIZE, max_reply_bytes, 1, 1073741824, "16MiB", "max-reply",                         \
      "Body of a reply; above: 500")                                                               \
    X("connections", COUNT, max_connections, 1, 1000000, "1024", "max-connections",                \
      "Connections open at once; above: 503")                                                      \
    X("queue", COUNT, max_queue, 1, 1000000, "1024", "max-queue",                                  \
      "Calls that wait for a worker; above: 503")                                                  \
    X("idle", DURATION, idle_timeout_ms, 1, 86400000, "1m", "idle-timeout",                        \
      "An open connection without a request is closed after this time")                            \
    X("request", DURATION, request_timeout_ms, 1, 86400000, "20s", "request-timeout",              \
      "From the first byte of a request to its last; above: 408")                                  \
    X("drain", DURATION, drain_timeout_ms, 1, 86400000, "30s", "drain-timeout",                    \
      "After SIGTERM calls in progress have this time to end")

/* Those that belong to the function and its workers rather than to connections. */
#define EN_WORKER_LIMITS(X)                                                                        \
    X("timeout", DURATION, call_timeout_ms, 1, 86400000, "1m", "timeout",                          \
      "Deadline of a call; above: 504")                                                            \
    X("start", DURATION, start_timeout_ms, 100, 86400000, "1m", "start-timeout",                   \
      "What a function loads, and each of its workers opens, must be done in this time")           \
    X("calls_per_worker", COUNT, calls_per_worker, 0, 1000000000, "0", "calls-per-worker",         \
      "A worker is replaced after so many calls; 0: never")                                        \
    X("max_abandoned", COUNT, max_abandoned, 1, 1000000, "8", "max-abandoned",                     \
      "For enoki-thread: start anew after so many timed-out calls that still run")

/* What user code may take. */
#define EN_CODE_LIMITS(X)                                                                          \
    X("cpu", DURATION, cpu_time_ms, 0, 86400000, "0ms", "cpu",                                     \
      "CPU time of a call; above: 504; 0: no limit")                                               \
    X("memory", SIZE, max_memory_bytes, 0, 1099511627776, "0", "memory",                           \
      "Private memory of each process; above: allocations fail; 0: no limit")                      \
    X("files", COUNT, max_files, 16, 1000000, "1024", "files",                                     \
      "Descriptors that each process has open")                                                    \
    X("file_size", SIZE, max_file_bytes, 0, 1099511627776, "0", "file-size",                       \
      "Size of a file that is written; above: 502; 0: no limit")                                   \
    X("processes", COUNT, max_processes, 1, 1000000, "256", "processes",                           \
      "Processes and threads that it starts, all together; only with a user of its own")

/* In a function's group "workers". */
#define EN_IDLE_LIMITS(X)                                                                          \
    X("idle", DURATION, worker_idle_ms, 1, 86400000, "30s", "worker-idle",                         \
      "A worker above the minimum ends after this time without a call")

struct en_limit {
    const char *key;    /* in the file */
    const char *option; /* on the command line */
    enum en_unit unit;
    size_t offset; /* of the uint64_t in struct enoki_limits */
    uint64_t min, max;
    const char *initial; /* the default, as text */
    const char *help;
};

/* The row of that index, or NULL behind the last. */
const struct en_limit *en_limit_at(size_t index);

uint64_t en_limit_get(const struct en_limit *limit, const struct enoki_limits *limits);
void en_limit_set(const struct en_limit *limit, struct enoki_limits *limits, uint64_t value);
/* The default as a number. */
uint64_t en_limit_default(const struct en_limit *limit);

/* Every member that is 0 becomes the default. */
void en_limits_fill(struct enoki_limits *limits);

#endif
