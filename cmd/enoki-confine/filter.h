/*
 * filter.h - forbids system calls to this process and all that it becomes or starts. The only user
 * of libseccomp.
 *
 * Threads  one thread, before others exist.
 */
#ifndef FILTER_H
#define FILTER_H

#include <enoki/error.h>

/* allowed: "NAME,NAME" of en_syscall_rules that are not forbidden, or "". Privileges can never be
 * gained afterwards. ENOKI_EIO, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int filter_load(const char *allowed, struct enoki_error *err);

#endif
