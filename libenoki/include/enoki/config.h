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
    uint64_t start_timeout_ms;   /* what it loads, and each worker opens, takes no longer; 60 s */
    uint64_t worker_idle_ms;     /* elastic workers: one more than min goes after this; 30 s */

    /* What user code may take, in each of its processes; 0: as much as there is. */
    uint64_t cpu_time_ms;      /* CPU time of a call; above: 504 */
    uint64_t max_memory_bytes; /* private memory of a process; above: allocations fail */
    uint64_t max_files;        /* descriptors of a process; 1024 */
    uint64_t max_file_bytes;   /* size of a file that it writes; above: SIGXFSZ */
    uint64_t max_processes;    /* processes and threads beyond the runtime's own, of all its
                                  processes together; only with a user of its own; 256 */
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
    /* Behind a front door: runtimes of it; max 0: one. min < max: as many as are needed; min 0:
     * none without calls. */
    uint32_t instances_min;
    uint32_t instances_max;
    uint64_t instances_idle_ms; /* one more than min ends after this; 0: 1 m */
    uint32_t concurrency;       /* calls that run at once; 0: as many as its workers can */
    int async_durable;          /* 1: accepted asynchronous calls survive a crash of the node */
    const char *user;     /* who runs it, name or number; NULL: see isolation_users */
    const char *group;    /* likewise; NULL: the user's */
    const char *seccomp;  /* NULL: what en_syscall_rules forbids; "off"; else "NAME,NAME": all of
                             that but these */
    const struct enoki_variable *variables;
    size_t variable_count;
    int compat_tinyfaas;        /* 1: all that it answers is a success to callers of a front door */
    const struct enoki_variable *secrets; /* variables whose values are paths of files with them */
    size_t secret_count;
    struct enoki_limits limits; /* the node's, changed by the function's own keys */
};

struct enoki_node_settings {
    const char *node;              /* this node's name in versions; "local" */
    const char *state;             /* URI: "embedded:DIR?..." */
    const char *listen_http;       /* "ADDRESS:PORT"; NULL: none */
    const char *listen_https;      /* the same, over TLS */
    const char *listen_grpc;       /* the same, for a front door */
    const char *listen_coap;       /* the same, for a front door */
    const char *coap_psk;          /* file of its DTLS keys; NULL: CoAP without DTLS */
    const char *listen_management; /* the same, for a front door */
    /* Files for TLS on http, on grpc, and on management where it is not on loopback; with a CA
     * callers must show a certificate of it. NULL: no TLS; no CA. */
    const char *tls_certificate;
    const char *tls_key;
    const char *tls_ca;
    const char *deploy_ca;         /* the CA of those who manage; NULL: tls_ca */
    const char *management_socket; /* path of a Unix socket for the same; NULL: none */
    uint64_t max_bodies_bytes;     /* of all calls that a front door has; 0: 256 MiB */
    const char *deploy_path;       /* folder of what was uploaded; NULL: nothing may be */
    const char *deploy_token;      /* file of the management API's token; NULL: none */
    const char *deploy_urls;       /* what the URL of an upload may start with, a line each; NULL:
                                      packages are not fetched */
    const char *deploy_secrets;    /* folder of the files that an upload may name as secrets */
    int deploy_anyone;             /* 1: without a token every user of this machine may manage */
    const struct enoki_variable *remotes; /* functions elsewhere: name, and URL */
    size_t remote_count;
    const char *remotes_ca;        /* CAs of their certificates; NULL: the system's */
    int isolation_shared;          /* 1: functions run as the node's user, even if that is root */
    uint32_t isolation_first_user; /* else, for root: numbers of their users from this one on */
    uint32_t isolation_user_count;
    const char *isolation_work; /* folder in which the functions' working directories are; NULL:
                                   $TMPDIR or /tmp */
    struct enoki_limits limits;    /* of a front door's connections */
    int log_json;                  /* 0: key=value lines, 1: JSON lines */
    int log_level;                 /* enum enoki_log_level */
    int log_access;                /* 1: a line for every call */
    const char *log_path;          /* folder of a file for each function's lines; NULL: none */
    uint64_t log_max_bytes;        /* of such a file */
    uint32_t log_keep;             /* older ones of each */
    const char *async_path;        /* folder of accepted calls that survive a crash of the node */
    uint64_t async_max_bytes;      /* of all of them */
    int compat_tinyfaas;           /* of functions that are uploaded */
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
