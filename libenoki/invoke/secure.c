#include "invoke/secure.h"

#include <stdlib.h>

struct en_secure {
    const struct en_tls_api *api;
    const struct en_log *log;
    struct en_tls_acceptor *acceptor;
};

int en_secure_new(struct en_secure **out, const struct en_tls_server_files *files,
                  const struct en_log *log, struct enoki_error *err)
{
    struct en_secure *secure = calloc(1, sizeof(*secure));
    int rc;

    if (secure == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for TLS");
    secure->log = log;
    rc = en_tls_api_load(&secure->api, err);
    if (rc == 0)
        rc = secure->api->acceptor_new(&secure->acceptor, files, err);
    if (rc != 0) {
        free(secure);
        return rc;
    }
    *out = secure;
    return 0;
}

void en_secure_free(struct en_secure *secure)
{
    if (secure == NULL)
        return;
    secure->api->acceptor_free(secure->acceptor);
    free(secure);
}

int en_secure_accept(struct en_secure *secure, int fd, uint64_t now_ms, struct en_transport **out)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    int rc = secure->api->acceptor_refresh(secure->acceptor, now_ms, &err);

    if (rc < 0)
        en_log(secure->log, ENOKI_LOG_ERROR, "TLS goes on with the certificate as it was: %s",
               err.message);
    else if (rc > 0)
        en_log(secure->log, ENOKI_LOG_INFO, "TLS: the certificate was read anew");
    return secure->api->acceptor_connection(secure->acceptor, fd, out);
}
