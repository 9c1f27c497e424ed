/*
 * invocation.h - one call of a function on its way from a listener to whoever runs it.
 *
 *   void submit(void *self, struct enoki_invocation *inv)      a dispatcher that answers itself
 *   {
 *       size_t len;
 *       const void *body = enoki_invocation_body(inv, &len);
 *       enoki_invocation_reply(inv, 200, body, len);
 *   }
 *
 * Who receives an invocation answers it exactly once: enoki_invocation_reply(), or
 * enoki_invocation_run() on a worker. Both consume it. Whether a caller waits for the answer
 * (a synchronous call) or has had his 202 already makes no difference here.
 *
 * Memory   What an invocation hands out is borrowed until it is consumed.
 * Threads  one thread at a time; it may be handed to another one, and be answered by any.
 * Fork     safe, but only one of the processes may answer it.
 */
#ifndef ENOKI_INVOCATION_H
#define ENOKI_INVOCATION_H

#include <enoki/base.h>
#include <enoki/error.h>

struct enoki_invocation;
struct enoki_worker;

/* Unique on this node, not zero. */
ENOKI_API uint64_t enoki_invocation_id(const struct enoki_invocation *invocation);

/* Name of the function. */
ENOKI_API const char *enoki_invocation_function(const struct enoki_invocation *invocation);

/* When the caller gives up: milliseconds on CLOCK_MONOTONIC. */
ENOKI_API uint64_t enoki_invocation_deadline_ms(const struct enoki_invocation *invocation);

/* Request parts as in function.h: never NULL, NUL-terminated. len_out may be NULL. */
ENOKI_API const char *enoki_invocation_method(const struct enoki_invocation *invocation);
ENOKI_API const char *enoki_invocation_path(const struct enoki_invocation *invocation);
ENOKI_API const char *enoki_invocation_query(const struct enoki_invocation *invocation);
ENOKI_API const void *enoki_invocation_body(const struct enoki_invocation *invocation,
                                            size_t *len_out);
/* The first header of that name, any case, or NULL. */
ENOKI_API const char *enoki_invocation_header(const struct enoki_invocation *invocation,
                                              const char *name);

/* 1 if the caller has been answered 202 already. */
ENOKI_API int enoki_invocation_is_async(const struct enoki_invocation *invocation);

/* Answers: status 200 to 599 and a body, which is copied. Consumes the invocation. */
ENOKI_API void enoki_invocation_reply(struct enoki_invocation *invocation, int status,
                                      const void *body, size_t len);

/* Runs the function on this worker, in this thread, and answers. Consumes the invocation. */
ENOKI_API void enoki_invocation_run(struct enoki_invocation *invocation,
                                    struct enoki_worker *worker);

#endif
