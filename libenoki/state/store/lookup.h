/*
 * lookup.h - reading items out of a store.
 *
 * Threads  any thread.    Fork  as env.h.
 */
#ifndef EN_LOOKUP_H
#define EN_LOOKUP_H

#include "state/store/env.h"

#include <enoki/state.h>

/* As the calls of state.h; arguments are checked, start NULL means from the first id. The status
 * is one of env.h. */
ENOKI_MUST_CHECK int en_lookup_read(struct en_env *env, const char *id, struct enoki_items **out);
ENOKI_MUST_CHECK int en_lookup_scan(struct en_env *env, const char *start, uint64_t count,
                                    bool with_values, struct enoki_items **out);

#endif
