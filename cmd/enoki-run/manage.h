/*
 * manage.h - the management API of tinyFaaS and Enoki (spec/platform.md section 2), and what an
 * operator asks beside it, as a site of the node's server.
 *
 * Who may use it: access.h.
 *
 * Threads  loop thread.
 */
#ifndef MANAGE_H
#define MANAGE_H

#include "node.h"

struct manage;

/* ENOKI_ECONFIG: not on loopback and without a token; ENOKI_EIO: its file; ENOKI_ENOMEM */
ENOKI_MUST_CHECK int manage_new(struct manage **out, const struct enoki_node_settings *settings,
                                struct enoki_error *err);
void manage_free(struct manage *manage);

/* Over TCP, and over a Unix socket. */
const struct en_site *manage_site(const struct manage *manage);
const struct en_site *manage_local_site(const struct manage *manage);

/* Once the node has its loop: starts what was uploaded before. */
ENOKI_MUST_CHECK int manage_start(struct manage *manage, struct node *node,
                                  struct enoki_error *err);
/* The node's remotes may have changed: what was uploaded is told. NULL is allowed. */
void manage_reload(struct manage *manage);
/* A function that was removed has ended. */
void manage_function_gone(struct manage *manage, const struct function *function);
/* NULL is allowed. */
void manage_stop(struct manage *manage);

#endif
