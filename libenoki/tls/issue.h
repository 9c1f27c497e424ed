/*
 * issue.h - makes keys and certificates.
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_TLS_ISSUE_H
#define EN_TLS_ISSUE_H

#include <enoki/tls.h>

int en_tls_issue_init(const char *directory, const struct enoki_tls_options *options,
                      struct enoki_error *err);
int en_tls_issue_issue(const char *directory, const char *name,
                       const struct enoki_tls_options *options, struct enoki_error *err);
int en_tls_issue_renew(const char *directory, const char *name, uint32_t days,
                       struct enoki_error *err);
int en_tls_issue_bundle(const char *directory, const char *name, const char *out, int force,
                        struct enoki_error *err);

#endif
