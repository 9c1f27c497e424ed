#include "tls/accept.h"

#include "tls/files.h"
#include "tls/parse.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 1000u

static const unsigned char http_1_1[] = "\x08http/1.1";

struct en_tls_acceptor {
    char *certificate_path;
    char *key_path;
    char *ca_path; /* NULL: callers need no certificate */
    SSL_CTX *context;
    uint64_t stamp;      /* of the files when they were read last */
    uint64_t look_at_ms; /* again */
};

struct connection {
    struct en_transport transport; /* first */
    SSL *ssl;
    bool broken; /* OpenSSL wants no further call */
};

/* --- one connection -----------------------------------------------------------------------------
 */

static ssize_t fail(struct connection *connection, int result)
{
    int error = SSL_get_error(connection->ssl, result);
    bool is_http = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;

    connection->transport.wants_write = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    connection->broken = true;
    errno = is_http ? EPROTONOSUPPORT : EPROTO;
    return -1;
}

static int at_most_int(size_t len)
{
    return len > INT32_MAX ? INT32_MAX : (int)len;
}

static ssize_t receive(struct en_transport *transport, void *out, size_t room)
{
    struct connection *connection = (struct connection *)transport;
    ssize_t got = -1;

    transport->wants_write = transport->has_more = false;
    if (connection->broken) {
        errno = EPROTO;
        return -1;
    }
    ERR_clear_error();
    got = SSL_read(connection->ssl, out, at_most_int(room));
    if (got > 0)
        transport->has_more = SSL_has_pending(connection->ssl) == 1;
    else
        got = fail(connection, (int)got);
    transport->is_open = transport->is_open || SSL_is_init_finished(connection->ssl) == 1;
    return got;
}

static ssize_t send_bytes(struct en_transport *transport, const void *bytes, size_t len)
{
    struct connection *connection = (struct connection *)transport;
    ssize_t sent = -1;

    if (connection->broken) {
        errno = EPROTO;
        return -1;
    }
    ERR_clear_error();
    sent = SSL_write(connection->ssl, bytes, at_most_int(len));
    if (sent <= 0) {
        sent = fail(connection, (int)sent);
        /* Nothing to read is awaited here: that would be a handshake, and it is over. */
        if (sent == 0 || (errno == EAGAIN && !transport->wants_write)) {
            errno = EPROTO;
            sent = -1;
        }
        transport->wants_write = false;
    }
    return sent;
}

static void end(struct en_transport *transport)
{
    struct connection *connection = (struct connection *)transport;

    if (connection->broken || !transport->is_open)
        return;
    ERR_clear_error();
    if (SSL_shutdown(connection->ssl) < 0)
        connection->broken = true;
    ERR_clear_error();
}

static void free_connection(struct en_transport *transport)
{
    struct connection *connection = (struct connection *)transport;

    end(transport);
    SSL_free(connection->ssl);
    free(connection);
}

int en_tls_accept_connection(struct en_tls_acceptor *acceptor, int fd, struct en_transport **out)
{
    static const struct en_transport_ops ops = {receive, send_bytes, end, free_connection};
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return ENOKI_ENOMEM;
    connection->transport.ops = &ops;
    connection->ssl = SSL_new(acceptor->context);
    if (connection->ssl == NULL || SSL_set_fd(connection->ssl, fd) != 1) {
        SSL_free(connection->ssl);
        free(connection);
        ERR_clear_error();
        return ENOKI_ENOMEM;
    }
    SSL_set_accept_state(connection->ssl);
    *out = &connection->transport;
    return 0;
}

/* --- what all connections share -----------------------------------------------------------------
 */

/* Who offers protocols without ours is told so; most offer none. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *context)
{
    unsigned char *chosen;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&chosen, out_len, http_1_1, sizeof(http_1_1) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool use_authorities(SSL_CTX *context, STACK_OF(X509) * authorities)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);

    for (int i = 0; i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);

        if (X509_STORE_add_cert(store, authority) != 1 ||
            SSL_CTX_add_client_CA(context, authority) != 1)
            return false;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return true;
}

static bool use_certificate(SSL_CTX *context, const struct en_tls_parsed *parsed)
{
    if (SSL_CTX_use_certificate(context, parsed->leaf) != 1 ||
        SSL_CTX_use_PrivateKey(context, parsed->key) != 1)
        return false;
    for (int i = 0; i < sk_X509_num(parsed->between); i++) {
        if (SSL_CTX_add1_chain_cert(context, sk_X509_value(parsed->between, i)) != 1)
            return false;
    }
    return true;
}

static bool set_up(SSL_CTX *context)
{
    static const unsigned char id[] = "enoki";

    /* HTTP frames its messages itself: an end without a farewell is just an end. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1) == 1;
}

static int make_context(SSL_CTX **out, const struct en_tls_parsed *parsed, const char *path,
                        struct enoki_error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    unsigned long why;
    char text[200];

    if (context != NULL && set_up(context) && use_certificate(context, parsed) &&
        (parsed->authorities == NULL || use_authorities(context, parsed->authorities))) {
        *out = context;
        return 0;
    }
    why = ERR_peek_last_error();
    ERR_error_string_n(why, text, sizeof(text));
    ERR_clear_error();
    SSL_CTX_free(context);
    return enoki_error_set(err, ENOKI_ETLS, "'%.200s' cannot be used for TLS: %.200s", path, text);
}

/* --- the files ----------------------------------------------------------------------------------
 */

static uint64_t stamp_of(const struct en_tls_acceptor *acceptor)
{
    const char *const paths[] = {acceptor->certificate_path, acceptor->key_path,
                                 acceptor->ca_path};

    return en_tls_stamp_files(paths, sizeof(paths) / sizeof(paths[0]));
}

/* Everything that the files say; what was allocated is freed by the caller, also on failure. */
static int read_files(const struct en_tls_acceptor *acceptor, struct en_tls_parsed *parsed,
                      char *texts[3], struct enoki_error *err)
{
    struct en_tls_texts about = {.certificate_path = acceptor->certificate_path,
                                 .key_path = acceptor->key_path};
    int rc = en_tls_read(acceptor->certificate_path, &texts[0], err);

    if (rc == 0)
        rc = en_tls_read(acceptor->key_path, &texts[1], err);
    if (rc == 0 && en_tls_is_open_to_others(acceptor->key_path))
        rc = enoki_error_set(err, ENOKI_ETLS, "'%.300s' can be read by others: chmod 600 it",
                             acceptor->key_path);
    if (rc == 0)
        rc = en_tls_parse_certificates(&parsed->between, texts[0], acceptor->certificate_path, err);
    if (rc == 0)
        parsed->leaf = sk_X509_shift(parsed->between);
    if (rc == 0)
        rc = en_tls_parse_key(&parsed->key, texts[1], acceptor->key_path, err);
    if (rc == 0)
        rc = en_tls_check_pair(parsed, &about, err);
    if (rc == 0)
        rc = en_tls_check_dates(parsed->leaf, acceptor->certificate_path, err);
    if (rc == 0 && acceptor->ca_path != NULL)
        rc = en_tls_read(acceptor->ca_path, &texts[2], err);
    if (rc == 0 && acceptor->ca_path != NULL)
        rc = en_tls_parse_certificates(&parsed->authorities, texts[2], acceptor->ca_path, err);
    return rc;
}

/* The context stays what it was if the files are of no use. */
static int load(struct en_tls_acceptor *acceptor, struct enoki_error *err)
{
    struct en_tls_parsed parsed = {NULL, NULL, NULL, NULL};
    char *texts[3] = {NULL, NULL, NULL};
    SSL_CTX *context = NULL;
    int rc;

    acceptor->stamp = stamp_of(acceptor);
    rc = read_files(acceptor, &parsed, texts, err);
    if (rc == 0)
        rc = make_context(&context, &parsed, acceptor->certificate_path, err);
    if (rc == 0) {
        SSL_CTX_free(acceptor->context);
        acceptor->context = context;
    }
    if (texts[1] != NULL)
        OPENSSL_cleanse(texts[1], strlen(texts[1]));
    for (size_t i = 0; i < 3; i++)
        free(texts[i]);
    en_tls_parsed_fini(&parsed);
    return rc;
}

int en_tls_accept_new(struct en_tls_acceptor **out, const struct en_tls_server_files *files,
                      struct enoki_error *err)
{
    struct en_tls_acceptor *acceptor = calloc(1, sizeof(*acceptor));
    int rc;

    if (acceptor == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for TLS");
    acceptor->certificate_path = strdup(files->certificate);
    acceptor->key_path = strdup(files->key);
    acceptor->ca_path = files->ca == NULL ? NULL : strdup(files->ca);
    if (acceptor->certificate_path == NULL || acceptor->key_path == NULL ||
        (files->ca != NULL && acceptor->ca_path == NULL))
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for TLS");
    else
        rc = load(acceptor, err);
    if (rc == 0)
        *out = acceptor;
    else
        en_tls_accept_free(acceptor);
    return rc;
}

void en_tls_accept_free(struct en_tls_acceptor *acceptor)
{
    if (acceptor == NULL)
        return;
    SSL_CTX_free(acceptor->context);
    free(acceptor->certificate_path);
    free(acceptor->key_path);
    free(acceptor->ca_path);
    free(acceptor);
}

int en_tls_accept_refresh(struct en_tls_acceptor *acceptor, uint64_t now_ms,
                          struct enoki_error *err)
{
    int rc;

    if (now_ms < acceptor->look_at_ms)
        return 0;
    acceptor->look_at_ms = now_ms + LOOK_MS;
    if (stamp_of(acceptor) == acceptor->stamp)
        return 0;
    rc = load(acceptor, err);
    return rc == 0 ? 1 : rc;
}
