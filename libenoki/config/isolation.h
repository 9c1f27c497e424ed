/*
 * isolation.h - what keeps functions from each other and from the node, as a file says it.
 *
 * Threads  one thread at a time.
 */
#ifndef EN_ISOLATION_H
#define EN_ISOLATION_H

#include "config/keys.h"
#include "config/source.h"

/* seccomp = "default", "off" or ( "NAME", ... ) of what en_syscall_rules forbid. ENOKI_ECONFIG,
 * ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_isolation_read_seccomp(const struct en_source *source,
                                               const struct en_key *key,
                                               const config_setting_t *setting, void *base);

/* A function's user and group, as far as they are given. ENOKI_ECONFIG */
ENOKI_MUST_CHECK int en_isolation_check(const struct en_source *source,
                                        const config_setting_t *function);

/* The group "isolation" of a node. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_isolation_settle(const struct en_source *source,
                                         const struct en_file_node *file,
                                         struct enoki_node_settings *node);

#endif
