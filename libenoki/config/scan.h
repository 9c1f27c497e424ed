/*
 * scan.h - a look at a configuration's text before libconfig gets it: only what is bounded and
 * harmless passes.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_SCAN_H
#define EN_SCAN_H

#include <stddef.h>

/* NULL if the text may be parsed, else what is wrong in *line_out: a NUL, braces nested too deep
 * (libconfig recurses into them), @include (which reads any file). */
const char *en_scan_config(const char *text, size_t len, unsigned *line_out);

#endif
