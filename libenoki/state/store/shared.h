/*
 * shared.h - a keygroup's store as all handles of a process share it: LMDB must not be opened twice
 * in one process.
 *
 * The list of open stores is the one piece of mutable global state of this library. Every handle
 * finds there what another one has opened; a mutex protects it, opening and closing hold it.
 *
 * Threads  any thread.    Fork  after; what a parent had open is ignored in its children.
 */
#ifndef EN_SHARED_H
#define EN_SHARED_H

#include "state/store/env.h"

#include <enoki/state.h>

struct en_queue;
struct en_shared;

struct en_shared_options {
    const char *dir;
    const char *keygroup;
    enum enoki_keygroup_kind kind; /* for a keygroup that is created */
    bool must_exist;
    bool durable;     /* commits of this handle survive power loss */
    size_t map_bytes; /* to begin with; 0: a default */
};

/* Errors of enoki_state_open(). On success: en_shared_release(). */
ENOKI_MUST_CHECK int en_shared_acquire(struct en_shared **out,
                                       const struct en_shared_options *options,
                                       struct enoki_error *err);
void en_shared_release(struct en_shared *shared);

struct en_env *en_shared_env(const struct en_shared *shared);
enum enoki_keygroup_kind en_shared_kind(const struct en_shared *shared);
/* Group commit of durable writes. */
struct en_queue *en_shared_queue(const struct en_shared *shared);

#endif
