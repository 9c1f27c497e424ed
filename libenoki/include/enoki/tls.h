/*
 * tls.h - TLS material in one folder: a CA, and certificates that it issued.
 *
 *   if (enoki_tls_init("certs", NULL, &err) == 0 &&
 *       enoki_tls_issue("certs", "alice", NULL, &err) == 0 &&
 *       enoki_tls_load(&tls, "certs", "alice", &err) == 0)
 *       printf("%s\n", enoki_tls_user(tls));
 *   enoki_tls_free(tls);
 *
 * Files    DIR/ca.crt, the CA's certificate, is everybody's; DIR/ca/ca.key, its key, is needed to
 *          issue and renew only. DIR/NAME.crt is a certificate, with whatever stands between it and
 *          the CA; DIR/NAME.key is its key.
 *          Folders that are made get mode 0700, keys 0600. A file is written whole or not at all.
 * OpenSSL  is loaded with the first call.
 * Names    1 to 64 bytes without '/', '|' and control characters, not beginning with '.', not "ca".
 *          The certificate's common name; FReD takes it as the user.
 * Memory   What a call hands out is owned by the caller.
 * Threads  any thread; one struct enoki_tls, one thread at a time.
 * Fork     after.
 * Errors   ENOKI_ETLS with the file, what is wrong and what to do; ENOKI_EINVAL (a name, an
 *          address, a number), ENOKI_EIO, ENOKI_ENOSPACE, ENOKI_ENOMEM.
 */
#ifndef ENOKI_TLS_H
#define ENOKI_TLS_H

#include <enoki/base.h>
#include <enoki/error.h>

/* --- making ---------------------------------------------------------------------------------- */

enum enoki_tls_usage {
    ENOKI_TLS_CLIENT = 1,
    ENOKI_TLS_SERVER = 2,
    ENOKI_TLS_BOTH = 3,
};

struct enoki_tls_options {
    size_t size;             /* set by the initializer */
    const char *const *sans; /* names and IP addresses that it is valid for; addresses are told
                                apart by their form */
    size_t san_count;
    enum enoki_tls_usage usage; /* of an issued certificate */
    uint32_t days;              /* from now; 0: 3650 for a CA, 365 else. Never beyond the CA's */
    uint32_t rsa_bits;          /* 2048 to 8192; 0: an EC key on P-256 */
    const char *ca_name;        /* common name of a new CA; NULL: "Enoki CA" */
    int force;                  /* 1: replaces what is there */
};

#define ENOKI_TLS_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct enoki_tls_options), NULL, 0, ENOKI_TLS_BOTH, 0, 0, NULL, 0                   \
    }

/* Makes the folder and a CA. options NULL: the defaults. ENOKI_ETLS also: there is one already. */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_init(const char *directory,
                                              const struct enoki_tls_options *options,
                                              struct enoki_error *err);

/* Issues NAME.crt and NAME.key. ENOKI_ETLS also: they are there already, or there is no CA key. */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_issue(const char *directory, const char *name,
                                               const struct enoki_tls_options *options,
                                               struct enoki_error *err);

/* Replaces NAME.crt by one of the same key, subject, names and usage that begins now. days 0: as
 * long as the old one. */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_renew(const char *directory, const char *name,
                                               uint32_t days, struct enoki_error *err);

/* Copies what a node needs to the folder out, which is made: ca.crt, NAME.crt, NAME.key. Never the
 * CA's key. */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_bundle(const char *directory, const char *name,
                                                const char *out, int force,
                                                struct enoki_error *err);

/* --- looking --------------------------------------------------------------------------------- */

struct enoki_tls_info {
    char name[256];       /* common name */
    char issuer[256];     /* its common name */
    char serial[64];      /* hexadecimal */
    char key[32];         /* "EC P-256", "RSA 2048" */
    char sans[1024];      /* "DNS:localhost, IP Address:127.0.0.1" */
    char fingerprint[96]; /* SHA-256, hexadecimal with colons */
    int64_t begins;       /* seconds since 1970 */
    int64_t expires;
    int is_ca;
    int usage; /* enum enoki_tls_usage; 0: not restricted */
};

/* What DIR/NAME.crt says; name "ca" is allowed. */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_inspect(const char *directory, const char *name,
                                                 struct enoki_tls_info *out,
                                                 struct enoki_error *err);

/* Called for each fault, a sentence; borrowed for the call. */
typedef void (*enoki_tls_fault_fn)(void *context, const char *fault);

/*
 * Looks for everything that could make a handshake with NAME's material fail: parts that are
 * missing or do not parse, the chain, dates, key and certificate that do not fit, a key that others
 * may read, and, unless host is NULL, whether a client that connects to that name or address would
 * take the certificate. Returns the number of faults.
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_check(const char *directory, const char *name,
                                               const char *host, enoki_tls_fault_fn fault,
                                               void *context);

/* --- using ----------------------------------------------------------------------------------- */

/* Material that was loaded and checked: CA, certificate, key. */
struct enoki_tls;

/* Loads NAME's material and checks it: everything but a host, and who may read the key. */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_load(struct enoki_tls **out, const char *directory,
                                              const char *name, struct enoki_error *err);
/* NULL is allowed. */
ENOKI_API void enoki_tls_free(struct enoki_tls *tls);

/* PEM texts; borrowed until the next refresh that returns 1, or until freed. */
ENOKI_API const char *enoki_tls_ca(const struct enoki_tls *tls);
ENOKI_API const char *enoki_tls_certificate(const struct enoki_tls *tls);
ENOKI_API const char *enoki_tls_key(const struct enoki_tls *tls);

/* The certificate's common name; borrowed likewise. */
ENOKI_API const char *enoki_tls_user(const struct enoki_tls *tls);

/* When it ends, in seconds since 1970. */
ENOKI_API int64_t enoki_tls_expires(const struct enoki_tls *tls);

/*
 * Looks whether the files were renewed: a few stat calls if not. 1: other material is loaded and
 * checked now; 0: nothing changed; ENOKI_ETLS: what is there now is not acceptable, or what is
 * loaded has expired. On failure the old material stays.
 */
ENOKI_API ENOKI_MUST_CHECK int enoki_tls_refresh(struct enoki_tls *tls, struct enoki_error *err);

#endif
