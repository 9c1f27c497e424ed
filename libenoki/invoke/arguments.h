/*
 * arguments.h - what was written on a command line, before files and defaults are added.
 *
 * Belongs to executables, as options.h: prints help and usage errors.
 *
 * Memory   Texts are borrowed from argv and the arena.
 * Threads  one thread.    Fork  safe.
 */
#ifndef EN_ARGUMENTS_H
#define EN_ARGUMENTS_H

#include "config/arena.h"

#include <enoki/config.h>

#include <stdbool.h>

#define EN_ARGUMENTS_LIMITS_MAX 24u

struct en_arguments {
    struct en_arena *arena;
    const char *program;
    const char *own_runtime; /* "thread", ...; NULL: enoki-run */

    /* NULL, false: not given. */
    const char *code;
    const char *name;
    const char *runtime;
    const char *listen_http;
    const char *listen_https;
    const char *listen_grpc;
    const char *listen_coap;
    const char *tls_certificate;
    const char *tls_key;
    const char *tls_ca;
    const char *state;
    const char *file;
    const char *keygroup;
    const char *user;
    bool workers_given;
    uint32_t workers_min;
    uint32_t workers_max;
    int log_json;  /* -1: not given */
    int log_level; /* -1: not given */
    bool log_access;
    bool check;
    bool limit_given[EN_ARGUMENTS_LIMITS_MAX]; /* by en_limit_at()'s index */
    struct enoki_limits limits;
    struct enoki_variable *variables; /* room for every argument */
    size_t variable_count;
    struct enoki_variable *remotes; /* the same */
    size_t remote_count;
    const char *remotes_ca;
};

/* Prints "PROGRAM: what is wrong" and where to find help. Returns 2. */
int en_arguments_usage(const char *program, const char *format, ...) ENOKI_PRINTF(2, 3);

/* "PROTO=ADDR:PORT". NULL if it is good, else the complaint, in the arena or constant. */
const char *en_arguments_listen(struct en_arguments *arguments, const char *text);

/* Takes argv apart; arguments holds arena and own_runtime. EN_OPTIONS_RUN, or an exit status. */
ENOKI_MUST_CHECK int en_arguments_parse(struct en_arguments *arguments, int argc, char **argv);

#endif
