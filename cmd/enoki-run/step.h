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

#include "base/buffer.h"

/* How much is kept of what a step writes. */
#define STEP_OUTPUT_MAX_BYTES 16384u

/* Who builds a package, and what that has written. */
struct builder {
    struct identity identity;
    struct en_buffer output; /* of a step that failed: the end, in whole lines */
};
#define BUILDER_INIT                                                                               \
    {                                                                                              \
        .output = EN_BUFFER_INIT(STEP_OUTPUT_MAX_BYTES)                                            \
    }

/* ENOKI_EFUNCTION: it failed, and builder->output says more; ENOKI_ETIMEOUT, as well; ENOKI_EIO */
ENOKI_MUST_CHECK int step_run(const char *script, const char *folder, struct builder *builder,
                              uint64_t limit_ms, struct enoki_error *err);

#endif
