/*
 * module.h - the table that the module "tls" exports: <enoki/tls.h>'s work, TLS for listeners, and
 * base64.
 *
 * Threads  any thread.    Fork  after.
 */
#ifndef EN_TLS_MODULE_H
#define EN_TLS_MODULE_H

#include "base/buffer.h"
#include "base/module.h"
#include "base/transport.h"

#include <enoki/tls.h>

struct en_tls_acceptor;

/* PEM files of a listener. */
struct en_tls_server_files {
    const char *certificate; /* and those between it and its CA */
    const char *key;         /* readable by its owner only */
    const char *ca;          /* of those who may connect; NULL: anybody may */
};

struct en_tls_api {
    struct en_module module; /* "tls" */

    int (*init)(const char *directory, const struct enoki_tls_options *options,
                struct enoki_error *err);
    int (*issue)(const char *directory, const char *name, const struct enoki_tls_options *options,
                 struct enoki_error *err);
    int (*renew)(const char *directory, const char *name, uint32_t days, struct enoki_error *err);
    int (*bundle)(const char *directory, const char *name, const char *out, int force,
                  struct enoki_error *err);
    int (*inspect)(const char *directory, const char *name, struct enoki_tls_info *out,
                   struct enoki_error *err);
    int (*check)(const char *directory, const char *name, const char *host,
                 enoki_tls_fault_fn fault, void *context);

    int (*load)(struct enoki_tls **out, const char *directory, const char *name,
                struct enoki_error *err);
    void (*free)(struct enoki_tls *tls);
    int (*refresh)(struct enoki_tls *tls, struct enoki_error *err);

    /* Reads the files. ENOKI_ETLS: they cannot be used; ENOKI_ENOMEM */
    int (*acceptor_new)(struct en_tls_acceptor **out, const struct en_tls_server_files *files,
                        struct enoki_error *err);
    void (*acceptor_free)(struct en_tls_acceptor *acceptor);
    /* Looks at the files, once a second at most. 0: nothing is new; 1: they were read anew; an
     * error, once for each change: they cannot be used, those before still are. */
    int (*acceptor_refresh)(struct en_tls_acceptor *acceptor, uint64_t now_ms,
                            struct enoki_error *err);
    /* For a non-blocking socket, which is borrowed. ENOKI_ENOMEM */
    int (*acceptor_connection)(struct en_tls_acceptor *acceptor, int fd, struct en_transport **out);

    /* Appends. ENOKI_ENOMEM, ENOKI_ELIMIT */
    int (*base64_encode)(struct en_buffer *out, const void *bytes, size_t len);
    /* Appends. Strict: alphabet, padding, nothing else. ENOKI_EINVAL */
    int (*base64_decode)(struct en_buffer *out, const char *text, size_t len);
};

/* ENOKI_EIO */
ENOKI_MUST_CHECK int en_tls_api_load(const struct en_tls_api **out, struct enoki_error *err);

/* What struct enoki_tls is: the getters need no module. */
struct enoki_tls {
    char *ca;
    char *certificate;
    char *key;
    char user[256];
    int64_t expires;
    char *directory;
    char *name;
    uint64_t stamp; /* of the three files' identities, sizes and times */
};

#endif
