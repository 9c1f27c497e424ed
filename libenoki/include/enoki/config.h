/*
 * config.h - what a node and its functions are told: from a libconfig file, or filled in by hand.
 *
 *   struct enoki_config *config = NULL;
 *   if (enoki_config_load(&config, "node.conf", &err) != 0)
 *       fprintf(stderr, "%s\n", err.message);       "node.conf:4: node: ..."
 *   else
 *       printf("%zu functions\n", enoki_config_get(config)->function_count);
 *   enoki_config_free(config);
 *
 * Every key has a default; unknown keys are errors. Durations are numbers with a unit ("250ms",
 * "5s", "2m", "1h"), sizes numbers with an optional KiB, MiB, GiB. config/README.md lists the keys.
 *
 * Memory   Strings of a loaded configuration are borrowed until it is freed.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef ENOKI_CONFIG_H
#define ENOKI_CONFIG_H

#include <enoki/base.h>
#include <enoki/error.h>

/* All limits of one runtime. Zero means the default. */
struct enoki_limits {
    uint64_t max_header_bytes;   /* request line and headers; 32 KiB */
    uint64_t max_body_bytes;     /* request body; 4 MiB; above: 413 */
    uint64_t max_reply_bytes;    /* reply body; 16 MiB; above: 500 */
    uint64_t max_connections;    /* open at once; 1024; above: closed with 503 */
    uint64_t max_queue;          /* calls waiting for a worker; 1024; above: 503, Retry-After */
    uint64_t call_timeout_ms;    /* a call's deadline; 60 s; past it: 504 */
    uint64_t idle_timeout_ms;    /* a kept-alive connection without a request; 60 s: closed */
    uint64_t request_timeout_ms; /* from a request's first byte to its last; 20 s: 408 */
    uint64_t drain_timeout_ms;   /* after SIGTERM; 30 s, then exit 1 */
    uint64_t calls_per_worker;   /* replace a worker after so many; 0: never */
    uint64_t max_abandoned;      /* enoki-thread: replace the process after so many timed out
                                    calls that still hold a thread; 8 */
    uint64_t worker_idle_ms;     /* elastic workers: one more than min goes after this; 30 s */
};

/* One variable for the function. */
struct enoki_variable {
    const char *name;
    const char *value;
};

struct enoki_function_settings {
    const char *name;     /* [A-Za-z0-9]+, and not health, ready, metrics */
    const char *code;     /* path of the library; relative to the configuration file's folder */
    const char *runtime;  /* "thread", "prefork" (default), "process" */
    uint32_t workers_min; /* both 0: the runtime's default number, fixed */
    uint32_t workers_max; /* min < max: elastic; min 0: scale to zero */
    const char *keygroup; /* NULL: "tinyFaaS" and the name */
    const char *state;    /* URI; NULL: the node's */
    const struct enoki_variable *variables;
    size_t variable_count;
    struct enoki_limits limits; /* the node's, changed by the function's own keys */
};

struct enoki_node_settings {
    const char *node;        /* this node's name in versions; "local" */
    const char *state;       /* URI: "embedded:DIR?..." */
    const char *listen_http; /* "ADDRESS:PORT"; NULL: none */
    int log_json;            /* 0: key=value lines, 1: JSON lines */
    int log_level;           /* enum enoki_log_level */
    const struct enoki_function_settings *functions;
    size_t function_count;
};

struct enoki_config;

/*
 * Loads and checks a file. On success *out is owned by the caller: enoki_config_free().
 *
 * ENOKI_ECONFIG    with "FILE:LINE: what is wrong, what is allowed"
 * ENOKI_ENOTFOUND  no such file
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_config_load(struct enoki_config **out, const char *path,
                                                 struct enoki_error *err);
ENOKI_API void enoki_config_free(struct enoki_config *config);

/* What was loaded, with defaults filled in; borrowed until the configuration is freed. */
ENOKI_API const struct enoki_node_settings *enoki_config_get(const struct enoki_config *config);

#endif
