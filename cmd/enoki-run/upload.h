/*
 * upload.h - POST /upload and /uploadURL: from the request's JSON to a version in the store, in a
 * thread of its own; one upload at a time, as with the originals.
 *
 * Threads  loop thread, but for the builder's own.
 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include "metrics.h"
#include "node.h"
#include "store.h"

struct uploads;

/* ENOKI_EIO: the store; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int uploads_new(struct uploads **out, struct node *node, const char *root,
                                 struct enoki_error *err);
/* Waits for the step that runs; uploads that wait are given up. NULL is allowed. */
void uploads_free(struct uploads *uploads);

/* Consumes the call, and answers it when the function is ready, or with what is wrong. by_url: the
 * package is to be fetched. */
void uploads_submit(struct uploads *uploads, struct enoki_invocation *invocation, bool by_url);

/* How those went that somebody asked for. */
struct metrics_uploads uploads_done(const struct uploads *uploads);

/* Starts what the store has. */
void uploads_restore(struct uploads *uploads);
/* Replaces those that the node's settings make others of. */
void uploads_reload(struct uploads *uploads);

/* The version before the current one becomes current; answers as an upload does. */
void uploads_roll_back(struct uploads *uploads, struct enoki_invocation *invocation,
                       const char *name);
/* Removes a function and its code from the node; it goes after its last call. With its data too,
 * the call is answered once that is gone. inv: NULL if nobody waits; consumed. */
void uploads_remove(struct uploads *uploads, struct function *function,
                    struct enoki_invocation *inv, bool with_data);
/* A function that was removed has ended. */
void uploads_function_gone(struct uploads *uploads, const struct function *function);

#endif
