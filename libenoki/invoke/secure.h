/*
 * secure.h - TLS of listeners: loads the module "tls" on first use, and looks after the files.
 *
 *   en_secure_new(&secure, &files, log, &err);
 *   en_secure_accept(secure, fd, now_ms, &transport);    for each connection
 *   en_secure_free(secure);                              connections may live on
 *
 * SIGPIPE must be ignored.
 *
 * Threads  one thread at a time.    Fork  after: a process that has one must not fork workers.
 */
#ifndef EN_SECURE_H
#define EN_SECURE_H

#include "base/log.h"
#include "base/transport.h"
#include "tls/module.h"

struct en_secure;

/* files are copied; log is borrowed, for what is found when they change. ENOKI_ETLS (they cannot
 * be used), ENOKI_EIO (there is no module), ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_secure_new(struct en_secure **out, const struct en_tls_server_files *files,
                                   const struct en_log *log, struct enoki_error *err);
/* NULL is allowed. */
void en_secure_free(struct en_secure *secure);

/* For a non-blocking socket, which is borrowed. Files that were replaced are read before, once a
 * second at most. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_secure_accept(struct en_secure *secure, int fd, uint64_t now_ms,
                                      struct en_transport **out);

#endif
