/*
 * listen.h - the group "listen" of a file, and "deploy.ca" that goes with it, as settings.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_CONFIG_LISTEN_H
#define EN_CONFIG_LISTEN_H

#include "config/source.h"

/* Checks the addresses, and that TLS is given as a whole; fills listen_*, tls_*, deploy_*.
 * ENOKI_ECONFIG, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_listen_settings(const struct en_source *source,
                                        const config_setting_t *root,
                                        const struct en_file_node *file,
                                        struct enoki_node_settings *node);

#endif
