/*
 * invoke.h - calls another function by its name, from inside a function.
 *
 *   static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
 *   {
 *       struct enoki_invoke_options options = ENOKI_INVOKE_OPTIONS_INIT;
 *       struct enoki_answer *answer = NULL;
 *       size_t len;
 *       const void *body;
 *       int rc;
 *       options.body = enoki_call_body(call, &options.body_len);
 *       rc = enoki_call_invoke(call, "echo", &options, &answer, err);
 *       if (rc != 0)
 *           return rc;
 *       body = enoki_answer_body(answer, &len);
 *       rc = enoki_call_reply(call, body, len, err);
 *       enoki_answer_free(answer);
 *       return rc;
 *   }
 *
 * Where    A name that the configuration has a remote for (`remotes`, `--remote NAME=URL`) is
 *          called there over HTTP, on connections that are kept. Any other name is a function of
 *          this node, reached over a Unix socket to its runtime, past the front door; if it sleeps
 *          or is being replaced the call waits for it. Without a front door there are remotes only.
 * Travels  What is left of the call's time, the request id, the W3C trace context (a new one, if
 *          the caller sent none) and the depth of the chain: a call that would be the 17th of a
 *          chain is not made.
 * Waits    The worker is busy until the answer is here. A function that calls itself, or a ring of
 *          functions, needs a worker for each call that is open: with fewer the call waits until
 *          its time is over.
 * Failures What the function answers is an answer, whatever its status; so is what is answered in
 *          its place, as over HTTP: 502 (it crashed), 503 (no room; it cannot be started), 504 (it
 *          took longer than it may). An error is a call that was not made, or was given up.
 *
 * Memory   Everything given is borrowed until the call returns. An answer is the caller's.
 * Threads  the thread of the call or environment; several threads of one function may call at once
 *          by enoki_env_invoke().
 * Fork     after: refused in preload.
 */
#ifndef ENOKI_INVOKE_H
#define ENOKI_INVOKE_H

#include <enoki/function.h>

struct enoki_answer;

struct enoki_invoke_header {
    const char *name;
    const char *value;
};

struct enoki_invoke_options {
    size_t size;        /* set by the initializer */
    const char *method; /* "POST" */
    const char *path;   /* what follows /NAME, "" or starting with '/', percent-encoded */
    const char *query;  /* what follows '?', percent-encoded; "" */
    const void *body;   /* NULL: empty */
    size_t body_len;
    const char *content_type;                  /* NULL: none is said */
    const struct enoki_invoke_header *headers; /* more of them, at most 32 */
    size_t header_count;
    uint64_t timeout_ms; /* the longest to wait, within what is left of the call; 0: all of that,
                            and 60 s where there is no call */
    int is_async;        /* answered 202 once it is accepted; it runs at least once, by itself */
};

#define ENOKI_INVOKE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(struct enoki_invoke_options), "POST", "", "", NULL, 0, NULL, NULL, 0, 0, 0          \
    }

/*
 * Calls the function `name`. options NULL: an empty POST. On success *out is owned by the caller;
 * out NULL: the answer is not wanted.
 *
 * ENOKI_EINVAL        a name, path, method or header that cannot be sent; called in preload
 * ENOKI_ENOTFOUND     there is no such function, and no remote of that name
 * ENOKI_ETIMEOUT      no answer within the time; it may have run, or run still
 * ENOKI_ELIMIT        the chain is too deep; the body is longer than the function takes; too many
 *                     calls are open
 * ENOKI_EUNAVAILABLE  the remote cannot be reached, or the connection to it broke
 * ENOKI_ECLOSED       the node is stopping
 * ENOKI_EPROTO        what came is no answer; ENOKI_ETLS; ENOKI_EIO; ENOKI_ENOMEM
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_call_invoke(struct enoki_call *call, const char *name,
                                                 const struct enoki_invoke_options *options,
                                                 struct enoki_answer **out,
                                                 struct enoki_error *err);

/* The same outside a call: in open, or on a thread of the function's own. Nothing travels along. */
ENOKI_API ENOKI_MUST_CHECK int enoki_env_invoke(const struct enoki_env *env, const char *name,
                                                const struct enoki_invoke_options *options,
                                                struct enoki_answer **out, struct enoki_error *err);

/* 200 to 599. */
ENOKI_API int enoki_answer_status(const struct enoki_answer *answer);
/* Never NULL; a NUL follows that *len_out does not count; len_out may be NULL. As all below,
 * borrowed until enoki_answer_free(). */
ENOKI_API const void *enoki_answer_body(const struct enoki_answer *answer, size_t *len_out);
/* The content type, or "". */
ENOKI_API const char *enoki_answer_content_type(const struct enoki_answer *answer);
/* The first header of that name (any case), or NULL. */
ENOKI_API const char *enoki_answer_header(const struct enoki_answer *answer, const char *name);
/* All headers in order; NULL if index is too large. */
ENOKI_API const char *enoki_answer_header_at(const struct enoki_answer *answer, size_t index,
                                             const char **name_out);
/* NULL is allowed. */
ENOKI_API void enoki_answer_free(struct enoki_answer *answer);

#endif
