/*
 * tls.h - TLS material in one folder: a CA, and certificates that it issued.
 *
 *   DIR/ca.crt       the CA's certificate: everybody's
 *   DIR/ca/ca.key    its key: needed to issue and renew only
 *   DIR/NAME.crt     a certificate, with whatever stands between it and the CA
 *   DIR/NAME.key     its key
 */
#ifndef ENOKI_TLS_H
#define ENOKI_TLS_H

#include <enoki/base.h>
#include <enoki/error.h>

/* Material that was loaded and checked: CA, certificate, key. */
struct enoki_tls;

/*
 * Loads NAME's material and checks it: all parts parse, the key fits the certificate, the CA signed
 * it, nothing is expired or not yet valid, the key is not encrypted. On success *out is owned by
 * the caller: enoki_tls_free().
 *
 * ENOKI_ETLS    with the file, what is wrong, and what to do
 * ENOKI_EINVAL  name is no name; ENOKI_ENOMEM
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_load(struct enoki_tls **out, const char *directory,
                                              const char *name, struct enoki_error *err);
/* NULL is allowed. */
ENOKI_API void enoki_tls_free(struct enoki_tls *tls);

/* PEM texts; borrowed until the next refresh that returns 1, or until freed. */
ENOKI_API const char *enoki_tls_ca(const struct enoki_tls *tls);
ENOKI_API const char *enoki_tls_certificate(const struct enoki_tls *tls);
ENOKI_API const char *enoki_tls_key(const struct enoki_tls *tls);

/* The certificate's common name: FReD's user. */
ENOKI_API const char *enoki_tls_user(const struct enoki_tls *tls);

/* When the certificate ends, in seconds since 1970. */
ENOKI_API int64_t enoki_tls_expires(const struct enoki_tls *tls);

/*
 * Looks whether the files were renewed. 1: other material is loaded and checked now; 0: nothing
 * changed; ENOKI_ETLS: what is there now is not acceptable, or what is loaded has expired; the old
 * material stays. One thread at a time.
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_refresh(struct enoki_tls *tls, struct enoki_error *err);

#endif
