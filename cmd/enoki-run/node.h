/*
 * node.h - the front door: every function of this node, each in runtimes of its own, behind the
 * same listeners. The dispatcher of a server without a runtime.
 *
 * Threads  loop thread.
 */
#ifndef NODE_H
#define NODE_H

#include "function.h"
#include "gate.h"

#include "invoke/options.h"

struct node;
struct work;

/* Serves until SIGTERM; options are the node's from now on. Returns the exit status. */
int node_run(struct en_options *options, const char *file);

const struct en_log *node_log(const struct node *node);
struct en_loop *node_loop(struct node *node);
const struct enoki_node_settings *node_settings(const struct node *node);
struct enoki_server *node_server(const struct node *node);
struct routes *node_routes(const struct node *node);
/* Where calls of functions are submitted. */
const struct en_site *node_site(const struct node *node);
struct admission *node_admission(struct node *node);
struct gate *node_gate(struct node *node);
/* NULL: there are none. */
struct log_files *node_log_files(struct node *node);
/* Of calls that are kept on disk. NULL: it was not needed yet. */
struct keeper *node_keeper(const struct node *node);
/* Makes sure that there is one. ENOKI_EIO, ENOKI_ENOMEM, with the reason in the log */
ENOKI_MUST_CHECK int node_open_keeper(struct node *node);
/* The functions' working directories. */
const struct work *node_work(const struct node *node);
/* Its runtimes are being stopped: nothing is started any more. */
struct followers *node_followers(struct node *node);
uint64_t node_uptime_ms(const struct node *node);
bool node_is_stopping(const struct node *node);

/* "SCHEME://ADDRESS" of the index-th listener that calls come to, with its real port; false: there
 * is none. */
bool node_url(const struct node *node, size_t index, char *out, size_t size);

/* By name, in order of the names. NULL: none. */
struct function *node_find(const struct node *node, const char *name, size_t len);
struct function *node_function_at(const struct node *node, size_t index);
size_t node_function_count(const struct node *node);

/* Deploys or replaces; settings are consumed on success. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int node_deploy(struct node *node, struct settings *settings,
                                 function_done_fn done, void *context);
/* It gets no more calls, and goes after its last one. */
void node_remove(struct node *node, struct function *function);

/* function.c: a retired function is done; it is freed soon. */
void node_forget(struct node *node, struct function *function);
/* A function is ready for the first time, or in a new version. */
void node_tell_ready(struct node *node, const struct function *function);
/* Has function_tick() called by then. */
void node_schedule(struct node *node, uint64_t at_ms);
/* A runtime or a build has ended: what it started is ended too. */
void node_expect_strays(struct node *node);
/* Something ended: the node may be done. */
void node_check(struct node *node);

#endif
