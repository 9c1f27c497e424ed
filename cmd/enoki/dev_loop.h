/*
 * dev_loop.h - `enoki dev`: build, run, watch, and again.
 */
#ifndef DEV_LOOP_H
#define DEV_LOOP_H

#include "dev_plan.h"

/* Until SIGINT or SIGTERM, or enoki-run ends, which is a failure. */
ENOKI_MUST_CHECK int dev_loop_run(const struct dev_options *options, struct enoki_error *err);

#endif
