/*
 * external.h - functions in a language whose programs run outside: what the author of a host
 * includes.
 *
 *   #include <enoki/external.h>
 *
 *   ENOKI_EXTERNAL(.script = "./fn.host");
 *
 * A host is a plugin (function.h) that runs code of another language. This is all of one whose
 * language has an interpreter of its own: a program that speaks proto/frame.md on two sockets, 3
 * for calls and 4 for state, is started for each worker process, lives as long as it, and is
 * started anew when it ends or hangs. bindings/README.md says what such a program does.
 *
 * Calls    One at a time in enoki-prefork and enoki-process, where each worker has a program of its
 *          own; in enoki-thread all threads share one, which may answer in any order.
 * Failures A program that ends costs the calls that it had: 502. One that does not answer in time
 *          costs its call, 504; it is killed if it had no other, or hangs. The next call starts it.
 * Output   What it writes goes where the worker's output goes.
 * Threads  as a function's.    Fork  after: open starts the program.
 */
#ifndef ENOKI_EXTERNAL_H
#define ENOKI_EXTERNAL_H

#include <enoki/function.h>

struct enoki_external {
    size_t size; /* set by ENOKI_EXTERNAL */
    /* A program that is found by PATH and is given the script; NULL: the script is the program. */
    const char *interpreter;
    /* "./FILE": in the function's folder; else in the folder "enoki" beside libenoki. */
    const char *script;
    const char *package; /* what to install if the interpreter is missing; NULL: no advice */
};

/* open, invoke and close of a function that is such a program. external is borrowed until close.
 *
 * ENOKI_EPLUGIN   it is not installed, cannot be executed, or says why it cannot run the function
 * ENOKI_ETIMEOUT  it was not ready in time; ENOKI_ENOMEM, ENOKI_EIO
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_external_open(const struct enoki_external *external,
                                                   const struct enoki_env *env, void **instance_out,
                                                   struct enoki_error *err);
ENOKI_API ENOKI_MUST_CHECK int enoki_external_invoke(void *instance, struct enoki_call *call,
                                                     struct enoki_error *err);
ENOKI_API void enoki_external_close(void *instance);

/* Use once per library, at file scope. */
#define ENOKI_EXTERNAL(...)                                                                        \
    static int enoki_external_open_this(const struct enoki_env *env, void **instance_out,          \
                                        struct enoki_error *err)                                   \
    {                                                                                              \
        static const struct enoki_external external = {sizeof(external), __VA_ARGS__};             \
        return enoki_external_open(&external, env, instance_out, err);                             \
    }                                                                                              \
    ENOKI_FUNCTION(.open = enoki_external_open_this, .invoke = enoki_external_invoke,              \
                   .close = enoki_external_close)

#endif
