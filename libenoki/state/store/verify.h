/*
 * verify.h - looks at every record of a store that the machine may have damaged.
 *
 * Threads  one thread at a time, nobody else may have the store open.
 * Fork     makes a child and waits for it: a damaged tree can crash whoever walks it.
 */
#ifndef EN_VERIFY_H
#define EN_VERIFY_H

#include <enoki/error.h>

/* ENOKI_EFORMAT: damaged, with what to do. ENOKI_EIO: could not be found out. */
ENOKI_MUST_CHECK int en_verify(const char *folder, struct enoki_error *err);

#endif
