/*
 * function.h - what the author of a function includes.
 *
 *   #include <enoki/function.h>
 *
 *   static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
 *   {
 *       size_t len;
 *       const void *body = enoki_call_body(call, &len);
 *       return enoki_call_reply(call, body, len, err);
 *   }
 *
 *   ENOKI_FUNCTION(.invoke = invoke);
 *
 * Build: cc -shared -fPIC fn.c $(pkg-config --cflags --libs enoki) -o fn.so; run: enoki-run fn.so.
 * The same file runs in all three runtimes.
 *
 * Life     preload (once per runtime, before any worker exists) -> open (once per worker: a thread
 *          of enoki-thread, a process else) -> invoke, any number of times -> close (on an orderly
 *          end only).
 * Memory   What a call hands out is borrowed until invoke returns. Replies are copied, or written
 *          in place (enoki_call_reply_buffer).
 * Threads  An instance is used by one thread at a time, so it needs no lock. In enoki-thread other
 *          instances of the same library run at the same time: no unprotected globals.
 *          A struct enoki_call may be used only by the thread that invoke runs on.
 * Fork     preload runs before the fork that makes workers: no threads, no connections, no state
 *          there. open and invoke run after it.
 */
#ifndef ENOKI_FUNCTION_H
#define ENOKI_FUNCTION_H

#include <enoki/base.h>
#include <enoki/error.h>
#include <enoki/state.h>

/* Major: incompatible. Minor: only added to. A function loads into a library of the same major; if
 * its minor is newer it loads too, as long as it uses none of the newer members. */
#define ENOKI_FUNCTION_ABI_MAJOR 1u
#define ENOKI_FUNCTION_ABI_MINOR 0u
#define ENOKI_FUNCTION_ABI (ENOKI_FUNCTION_ABI_MAJOR << 16 | ENOKI_FUNCTION_ABI_MINOR)

struct enoki_env;
struct enoki_call;

/* The one exported symbol of a function's library, `enoki_function`; written by ENOKI_FUNCTION. */
struct enoki_function {
    uint32_t abi;  /* ENOKI_FUNCTION_ABI of the function's build */
    uint32_t size; /* of this struct in the function's build */

    /* Optional. Runs once, in the process that later forks the workers (in enoki-thread: in the
     * one process, before its threads). For what is costly and can be shared by a fork: start an
     * interpreter, parse tables. A failure stops the runtime with err's message. */
    int (*preload)(const struct enoki_env *env, struct enoki_error *err);

    /* Optional. Runs once per worker; *instance_out is what invoke and close get (else NULL). */
    int (*open)(const struct enoki_env *env, void **instance_out, struct enoki_error *err);

    /* Required. Answers one call. 0: the reply is sent as it was set (empty 200 if nothing was).
     * Negative: whatever was set is dropped, the caller gets 500 with err's message as text. */
    int (*invoke)(void *instance, struct enoki_call *call, struct enoki_error *err);

    /* Optional. Releases what open made. */
    void (*close)(void *instance);
};

#ifdef __cplusplus
#define ENOKI_FUNCTION_LINKAGE extern "C"
#else
#define ENOKI_FUNCTION_LINKAGE extern
#endif

/* Use once per library, at file scope, with designated initialisers:
 * ENOKI_FUNCTION(.open = open_it, .invoke = invoke, .close = close_it); C++: C++20, or in order */
#define ENOKI_FUNCTION(...)                                                                        \
    ENOKI_FUNCTION_LINKAGE __attribute__((visibility("default")))                                  \
    const struct enoki_function enoki_function;                                                    \
    const struct enoki_function enoki_function = {                                                 \
        .abi = ENOKI_FUNCTION_ABI, .size = sizeof(struct enoki_function), __VA_ARGS__}

/* --- the environment: in preload and open, and from a call ----------------------------------- */

/* The function's name; borrowed as long as the library is loaded. */
ENOKI_API const char *enoki_env_name(const struct enoki_env *env);

/* Absolute path of the folder that the library was loaded from; of a function in another language,
 * the folder of its code. Borrowed likewise. */
ENOKI_API const char *enoki_env_directory(const struct enoki_env *env);

/* The value of a variable given with -e or in the configuration, or NULL; borrowed likewise. The
 * process's own environment is not consulted. */
ENOKI_API const char *enoki_env_variable(const struct enoki_env *env, const char *name);

/* All of them, in no order: the value, and the name in *name_out. NULL if index is too large. */
ENOKI_API const char *enoki_env_variable_at(const struct enoki_env *env, size_t index,
                                            const char **name_out);

enum enoki_log_level {
    ENOKI_LOG_ERROR = 0,
    ENOKI_LOG_WARN = 1,
    ENOKI_LOG_INFO = 2,
    ENOKI_LOG_DEBUG = 3,
};

/* Writes one line to the runtime's log, with the function's name. Line breaks are escaped. */
ENOKI_API void enoki_env_log(const struct enoki_env *env, enum enoki_log_level level,
                             const char *format, ...) ENOKI_PRINTF(3, 4);

/*
 * The function's state: opened on first use, one handle per worker; borrowed until close returns.
 *
 * ENOKI_EINVAL  called in preload, where no state may be opened
 * and what enoki_state_open() returns
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_env_state(const struct enoki_env *env,
                                               struct enoki_state **out, struct enoki_error *err);

/* --- the call -------------------------------------------------------------------------------- */

ENOKI_API const struct enoki_env *enoki_call_env(const struct enoki_call *call);

/* As enoki_env_state() of the call's environment. */
ENOKI_API ENOKI_MUST_CHECK int enoki_call_state(const struct enoki_call *call,
                                                struct enoki_state **out, struct enoki_error *err);

/* The request body; never NULL. A NUL follows that *len_out does not count; len_out may be NULL. */
ENOKI_API const void *enoki_call_body(const struct enoki_call *call, size_t *len_out);

/* "GET", "POST", ...: any method reaches the function. */
ENOKI_API const char *enoki_call_method(const struct enoki_call *call);

/* What follows /NAME in the path, "" or starting with '/', as sent (percent-encoded). */
ENOKI_API const char *enoki_call_path(const struct enoki_call *call);

/* What follows '?' in the target, as sent; "" if there is none. */
ENOKI_API const char *enoki_call_query(const struct enoki_call *call);

/* The request's content type, or "". */
ENOKI_API const char *enoki_call_content_type(const struct enoki_call *call);

/* The first header of that name (any case), or NULL. */
ENOKI_API const char *enoki_call_header(const struct enoki_call *call, const char *name);

/* All headers in the order of arrival; the name is as sent. Returns NULL if index is too large. */
ENOKI_API const char *enoki_call_header_at(const struct enoki_call *call, size_t index,
                                           const char **name_out);

/* Identifies this call in logs: unique on this node, not zero. */
ENOKI_API uint64_t enoki_call_id(const struct enoki_call *call);

/* Milliseconds until the caller gets 504 and the worker is taken away; at least 0. */
ENOKI_API int64_t enoki_call_remaining_ms(const struct enoki_call *call);

/*
 * Sets the reply's body, replacing an earlier one; copied.
 *
 * ENOKI_ELIMIT  longer than limits.reply; ENOKI_ENOMEM
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_call_reply(struct enoki_call *call, const void *body,
                                                size_t len, struct enoki_error *err);

/* The same, formatted. */
ENOKI_API ENOKI_MUST_CHECK int enoki_call_replyf(struct enoki_call *call, struct enoki_error *err,
                                                 const char *format, ...) ENOKI_PRINTF(3, 4);

/*
 * Room for a body of len bytes to be written in place: *out is borrowed until invoke returns or
 * another reply call; its content is undefined at first. Errors as enoki_call_reply().
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_call_reply_buffer(struct enoki_call *call, size_t len,
                                                       void **out, struct enoki_error *err);

/*
 * The reply's HTTP status; 200 unless set.
 *
 * ENOKI_EINVAL  not in 200 to 599
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_call_reply_status(struct enoki_call *call, int status,
                                                       struct enoki_error *err);

/*
 * Adds a header to the reply; copied. Content-Type replaces the default (text/plain if the body is
 * valid UTF-8, else application/octet-stream).
 *
 * ENOKI_EINVAL  name or value is not a legal header, or the name is one that is ours: Date,
 *               Content-Length, Connection and the others that are not passed on (Keep-Alive, TE,
 *               Trailer, Transfer-Encoding, Upgrade, Proxy-Connection)
 * ENOKI_ELIMIT  more than 64 headers or 16 KiB of them
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_call_reply_header(struct enoki_call *call, const char *name,
                                                       const char *value, struct enoki_error *err);

#endif
