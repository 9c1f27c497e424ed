/*
 * launch.h - enoki-run for one function: this process becomes its runtime.
 *
 * Threads  one thread, before others exist.
 */
#ifndef EN_LAUNCH_H
#define EN_LAUNCH_H

#include "invoke/options.h"

/* Becomes enoki-thread, enoki-prefork or enoki-process, as options->function says, with the same
 * command line; it is looked for beside this program's file and then in PATH. Returns, with the
 * exit status 1, only if there is none. options is consumed. */
int en_launch(struct en_options *options, int argc, char **argv);

#endif
