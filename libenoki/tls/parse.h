/*
 * parse.h - PEM texts as OpenSSL's objects, and the questions that are asked of them.
 *
 * Memory   What is parsed is freed by en_tls_parsed_fini().
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_TLS_PARSE_H
#define EN_TLS_PARSE_H

#include <enoki/error.h>
#include <enoki/tls.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

/* The last one is the certificate's key, or NULL. */
struct en_tls_parsed {
    STACK_OF(X509) * authorities;
    X509 *leaf;
    STACK_OF(X509) * between; /* leaf and CA */
    EVP_PKEY *key;
};

void en_tls_parsed_fini(struct en_tls_parsed *parsed);

/* All certificates of a text; path is for messages. ENOKI_ETLS, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_tls_parse_certificates(STACK_OF(X509) * *out, const char *text,
                                               const char *path, struct enoki_error *err);
/* PKCS#1, SEC 1 or PKCS#8; not encrypted. */
ENOKI_MUST_CHECK int en_tls_parse_key(EVP_PKEY **out, const char *text, const char *path,
                                      struct enoki_error *err);

/* Fills all of parsed from the three texts and their paths. */
struct en_tls_texts {
    const char *ca;
    const char *certificate;
    const char *key;
    const char *ca_path;
    const char *certificate_path;
    const char *key_path;
};

ENOKI_MUST_CHECK int en_tls_parse(struct en_tls_parsed *out, const struct en_tls_texts *texts,
                                  struct enoki_error *err);

/* Each gives 0, or ENOKI_ETLS and what is wrong. */
ENOKI_MUST_CHECK int en_tls_check_dates(X509 *certificate, const char *path,
                                        struct enoki_error *err);
ENOKI_MUST_CHECK int en_tls_check_pair(const struct en_tls_parsed *parsed,
                                       const struct en_tls_texts *texts, struct enoki_error *err);
ENOKI_MUST_CHECK int en_tls_check_chain(const struct en_tls_parsed *parsed,
                                        const struct en_tls_texts *texts, struct enoki_error *err);
ENOKI_MUST_CHECK int en_tls_check_host(X509 *certificate, const char *path, const char *host,
                                       struct enoki_error *err);

/* Seconds since 1970. */
int64_t en_tls_time(const ASN1_TIME *time);

/* "" if there is none. */
void en_tls_common_name(const X509_NAME *name, char *out, size_t room);

#endif
