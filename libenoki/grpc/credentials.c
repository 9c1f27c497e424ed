#include "grpc/server.h"

#include "tls/files.h"

#include <grpc/grpc_security.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Changes when one of the files is replaced. */
static uint64_t stamp_of(const struct en_listener_options *options)
{
    const char *const paths[] = {options->certificate, options->key, options->ca};
    uint64_t stamp = 14695981039346656037u;
    struct stat status;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] == NULL || stat(paths[i], &status) != 0)
            continue;
        stamp = (stamp ^ (uint64_t)status.st_ino) * 1099511628211u;
        stamp = (stamp ^ (uint64_t)status.st_size) * 1099511628211u;
        stamp = (stamp ^ (uint64_t)status.st_mtim.tv_sec) * 1099511628211u;
        stamp = (stamp ^ (uint64_t)status.st_mtim.tv_nsec) * 1099511628211u;
    }
    return stamp;
}

static grpc_ssl_server_certificate_config *read_files(const struct en_listener_options *options,
                                                      struct enoki_error *err)
{
    grpc_ssl_server_certificate_config *config = NULL;
    char *certificate = NULL, *key = NULL, *ca = NULL;
    grpc_ssl_pem_key_cert_pair pair;
    int rc = en_tls_read(options->certificate, &certificate, err);

    if (rc == 0)
        rc = en_tls_read(options->key, &key, err);
    if (rc == 0 && options->ca != NULL)
        rc = en_tls_read(options->ca, &ca, err);
    if (rc == 0) {
        pair = (grpc_ssl_pem_key_cert_pair){key, certificate};
        /* gRPC 1.51 aborts without a CA, also if it asks nobody for a certificate. */
        config = grpc_ssl_server_certificate_config_create(ca != NULL ? ca : certificate, &pair, 1);
    }
    if (key != NULL)
        explicit_bzero(key, strlen(key));
    free(certificate);
    free(key);
    free(ca);
    return config;
}

/* For every handshake, one at a time: a renewed certificate is taken up by itself. What cannot be
 * used is not: gRPC keeps the one before. */
static grpc_ssl_certificate_config_reload_status
fetch(void *context, grpc_ssl_server_certificate_config **out)
{
    struct en_listener *listener = context;
    uint64_t stamp = stamp_of(&listener->options);

    if (stamp == listener->credentials_stamp)
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    *out = read_files(&listener->options, NULL);
    if (*out == NULL)
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    listener->credentials_stamp = stamp;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

int en_grpc_credentials(struct en_listener *listener, grpc_server_credentials **out,
                        struct enoki_error *err)
{
    const struct en_listener_options *options = &listener->options;
    grpc_ssl_server_certificate_config *config;

    if (options->certificate == NULL) {
        *out = grpc_insecure_server_credentials_create();
        return *out == NULL ? enoki_error_set(err, ENOKI_ENOMEM, "gRPC: no memory") : 0;
    }
    config = read_files(options, err); /* says what is wrong with them */
    if (config == NULL)
        return err == NULL ? ENOKI_ETLS : err->status;
    grpc_ssl_server_certificate_config_destroy(config);
    *out = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            options->ca != NULL ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, listener));
    return *out != NULL ? 0
                        : enoki_error_set(err, ENOKI_ETLS,
                                          "gRPC does not take the TLS material of '%.300s'",
                                          options->certificate);
}
