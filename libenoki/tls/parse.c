#include "tls/parse.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

void en_tls_parsed_fini(struct en_tls_parsed *parsed)
{
    sk_X509_pop_free(parsed->authorities, X509_free);
    X509_free(parsed->leaf);
    sk_X509_pop_free(parsed->between, X509_free);
    EVP_PKEY_free(parsed->key);
    *parsed = (struct en_tls_parsed){NULL, NULL, NULL, NULL};
}

static BIO *reader(const char *text)
{
    return BIO_new_mem_buf(text, (int)strnlen(text, INT32_MAX));
}

int en_tls_parse_certificates(STACK_OF(X509) * *out, const char *text, const char *path,
                              struct enoki_error *err)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    BIO *bio = reader(text);
    X509 *certificate;
    int rc = 0;

    if (list == NULL || bio == NULL) {
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for '%.300s'", path);
        goto out;
    }
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(list, certificate) <= 0) {
            X509_free(certificate);
            rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for '%.300s'", path);
            goto out;
        }
    }
    /* The last try ends for want of a start line, or because a certificate is damaged. */
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || sk_X509_num(list) == 0)
        rc = enoki_error_set(err, ENOKI_ETLS,
                             "'%.300s' is no PEM certificate: issue it anew, or restore the file",
                             path);
out:
    ERR_clear_error();
    BIO_free(bio);
    if (rc == 0)
        *out = list;
    else
        sk_X509_pop_free(list, X509_free);
    return rc;
}

/* Called for encrypted keys only: there is nobody to ask. */
static int no_password(char *buffer, int size, int is_writing, void *context)
{
    bool *is_encrypted = context;

    (void)buffer;
    (void)size;
    (void)is_writing;
    *is_encrypted = true;
    return -1;
}

int en_tls_parse_key(EVP_PKEY **out, const char *text, const char *path, struct enoki_error *err)
{
    bool is_encrypted = false;
    BIO *bio = reader(text);
    int rc = 0;

    if (bio == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for '%.300s'", path);
    *out = PEM_read_bio_PrivateKey(bio, NULL, no_password, &is_encrypted);
    if (*out == NULL && is_encrypted)
        rc = enoki_error_set(err, ENOKI_ETLS,
                             "'%.200s' is encrypted: decrypt it with `openssl pkey -in %.100s -out "
                             "...`",
                             path, path);
    else if (*out == NULL)
        rc = enoki_error_set(err, ENOKI_ETLS,
                             "'%.300s' is no PEM private key: issue it anew, or restore the file",
                             path);
    ERR_clear_error();
    BIO_free(bio);
    return rc;
}

int en_tls_parse(struct en_tls_parsed *out, const struct en_tls_texts *texts,
                 struct enoki_error *err)
{
    struct en_tls_parsed parsed = {NULL, NULL, NULL, NULL};
    int rc = en_tls_parse_certificates(&parsed.authorities, texts->ca, texts->ca_path, err);

    if (rc == 0)
        rc = en_tls_parse_certificates(&parsed.between, texts->certificate, texts->certificate_path,
                                       err);
    if (rc == 0)
        parsed.leaf = sk_X509_shift(parsed.between);
    if (rc == 0)
        rc = en_tls_parse_key(&parsed.key, texts->key, texts->key_path, err);
    if (rc == 0)
        *out = parsed;
    else
        en_tls_parsed_fini(&parsed);
    return rc;
}

int64_t en_tls_time(const ASN1_TIME *when)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(when, &parts) != 1)
        return 0;
    return (int64_t)timegm(&parts);
}

static void date_text(const ASN1_TIME *when, char out[32])
{
    struct tm parts = {0};

    if (ASN1_TIME_to_tm(when, &parts) != 1 ||
        strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        strcpy(out, "an unknown date");
}

int en_tls_check_dates(X509 *certificate, const char *path, struct enoki_error *err)
{
    char date[32];

    if (X509_cmp_time(X509_get0_notAfter(certificate), NULL) <= 0) {
        date_text(X509_get0_notAfter(certificate), date);
        return enoki_error_set(err, ENOKI_ETLS,
                               "'%.300s' has expired on %s: renew it with `enoki certs renew`",
                               path, date);
    }
    if (X509_cmp_time(X509_get0_notBefore(certificate), NULL) > 0) {
        date_text(X509_get0_notBefore(certificate), date);
        return enoki_error_set(err, ENOKI_ETLS,
                               "'%.300s' is not valid before %s: look at this machine's clock",
                               path, date);
    }
    return 0;
}

int en_tls_check_pair(const struct en_tls_parsed *parsed, const struct en_tls_texts *texts,
                      struct enoki_error *err)
{
    int fits = X509_check_private_key(parsed->leaf, parsed->key);

    ERR_clear_error();
    if (fits == 1)
        return 0;
    return enoki_error_set(err, ENOKI_ETLS,
                           "'%.200s' is not the key of '%.200s': restore the one that belongs to "
                           "it, or issue both anew",
                           texts->key_path, texts->certificate_path);
}

int en_tls_check_chain(const struct en_tls_parsed *parsed, const struct en_tls_texts *texts,
                       struct enoki_error *err)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int rc = ENOKI_ENOMEM;

    if (store == NULL || context == NULL)
        goto out;
    for (int i = 0; i < sk_X509_num(parsed->authorities); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(parsed->authorities, i)) != 1)
            goto out;
    /* Dates are a check, and a message, of their own. */
    if (X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME) != 1 ||
        X509_STORE_CTX_init(context, store, parsed->leaf, parsed->between) != 1)
        goto out;
    rc = X509_verify_cert(context) == 1 ? 0 : ENOKI_ETLS;
out:
    if (rc == ENOKI_ENOMEM)
        (void)enoki_error_set(err, rc, "out of memory to check a certificate");
    else if (rc != 0)
        (void)enoki_error_set(err, rc,
                              "'%.150s' is not of the CA in '%.150s' (%s): both sides need "
                              "certificates of one CA",
                              texts->certificate_path, texts->ca_path,
                              X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    ERR_clear_error();
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return rc;
}

int en_tls_check_host(X509 *certificate, const char *path, const char *host,
                      struct enoki_error *err)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    int fits = address != NULL ? X509_check_ip_asc(certificate, host, 0)
                               : X509_check_host(certificate, host, strlen(host), 0, NULL);

    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    if (fits == 1)
        return 0;
    return enoki_error_set(err, ENOKI_ETLS,
                           "'%.200s' is not valid for '%.100s': issue it with --san %.100s", path,
                           host, host);
}

void en_tls_common_name(const X509_NAME *name, char *out, size_t room)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING *text =
        at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    size_t len = text == NULL ? 0 : (size_t)ASN1_STRING_length(text);

    if (len >= room)
        len = room - 1;
    if (len > 0)
        memcpy(out, ASN1_STRING_get0_data(text), len);
    out[len] = '\0';
}
