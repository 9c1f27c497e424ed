/*
 * accept.h - the server's side of TLS on a non-blocking socket: TLS 1.2 and 1.3, ALPN http/1.1.
 *
 *   en_tls_accept_new(&acceptor, &files, &err);
 *   en_tls_accept_refresh(acceptor, now_ms, &err);      before a connection: looks at the files
 *   en_tls_accept_connection(acceptor, fd, &transport); the handshake is its first receive()
 *   en_tls_accept_free(acceptor);                       connections may live on
 *
 * SIGPIPE must be ignored. Sessions resume by tickets, which end with the certificate.
 *
 * Threads  one thread at a time.    Fork  after.
 */
#ifndef EN_TLS_ACCEPT_H
#define EN_TLS_ACCEPT_H

#include "tls/module.h"

int en_tls_accept_new(struct en_tls_acceptor **out, const struct en_tls_server_files *files,
                      struct enoki_error *err);
void en_tls_accept_free(struct en_tls_acceptor *acceptor);
int en_tls_accept_refresh(struct en_tls_acceptor *acceptor, uint64_t now_ms,
                          struct enoki_error *err);
int en_tls_accept_connection(struct en_tls_acceptor *acceptor, int fd, struct en_transport **out);

#endif
