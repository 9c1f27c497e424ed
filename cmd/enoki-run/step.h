/*
 * step.h - one step of making a package ready: a shell script of ours in the package's folder,
 * as the function's user, bounded in time, memory and processes. Nothing of it outlives it but what
 * left its process group: who runs steps ends that (node_expect_strays()).
 *
 * Threads  any thread; blocks.
 */
#ifndef STEP_H
#define STEP_H

#include "identity.h"

/* ENOKI_EFUNCTION: it failed; the message ends with the end of its output. ENOKI_ETIMEOUT,
 * ENOKI_EIO */
ENOKI_MUST_CHECK int step_run(const char *script, const char *folder,
                              const struct identity *identity, uint64_t limit_ms,
                              struct enoki_error *err);

#endif
