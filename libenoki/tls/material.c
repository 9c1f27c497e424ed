#include "tls/material.h"

#include "base/clock.h"
#include "tls/files.h"
#include "tls/parse.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Paths and texts of one name's files. */
struct files {
    char *ca_path;
    char *certificate_path;
    char *key_path;
    char *ca;
    char *certificate;
    char *key;
};

static void files_fini(struct files *files)
{
    free(files->ca_path);
    free(files->certificate_path);
    free(files->key_path);
    free(files->ca);
    free(files->certificate);
    free(files->key);
}

static int files_name(struct files *files, const char *directory, const char *name,
                      struct enoki_error *err)
{
    *files = (struct files){en_tls_path(directory, "ca", "crt"),
                            en_tls_path(directory, name, "crt"),
                            en_tls_path(directory, name, "key"),
                            NULL,
                            NULL,
                            NULL};
    if (files->ca_path != NULL && files->certificate_path != NULL && files->key_path != NULL)
        return 0;
    return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for TLS material");
}

static int files_read(struct files *files, struct enoki_error *err)
{
    int rc = en_tls_read(files->ca_path, &files->ca, err);

    if (rc == 0)
        rc = en_tls_read(files->certificate_path, &files->certificate, err);
    if (rc == 0)
        rc = en_tls_read(files->key_path, &files->key, err);
    return rc;
}

static struct en_tls_texts texts_of(const struct files *files)
{
    return (struct en_tls_texts){files->ca,      files->certificate,      files->key,
                                 files->ca_path, files->certificate_path, files->key_path};
}

/* Fills the parts of tls that come from the files. */
static int read_material(struct enoki_tls *tls, struct enoki_error *err)
{
    struct en_tls_parsed parsed = {NULL, NULL, NULL, NULL};
    struct en_tls_texts texts;
    struct files files;
    int rc = files_name(&files, tls->directory, tls->name, err);

    tls->stamp = en_tls_stamp(tls->directory, tls->name);
    if (rc == 0)
        rc = files_read(&files, err);
    texts = texts_of(&files);
    if (rc == 0)
        rc = en_tls_parse(&parsed, &texts, err);
    if (rc == 0)
        rc = en_tls_check_pair(&parsed, &texts, err);
    if (rc == 0)
        rc = en_tls_check_chain(&parsed, &texts, err);
    if (rc == 0)
        rc = en_tls_check_dates(sk_X509_value(parsed.authorities, 0), files.ca_path, err);
    if (rc == 0)
        rc = en_tls_check_dates(parsed.leaf, files.certificate_path, err);
    if (rc == 0) {
        en_tls_common_name(X509_get_subject_name(parsed.leaf), tls->user, sizeof(tls->user));
        tls->expires = en_tls_time(X509_get0_notAfter(parsed.leaf));
        tls->ca = files.ca;
        tls->certificate = files.certificate;
        tls->key = files.key;
        files.ca = files.certificate = files.key = NULL;
    }
    en_tls_parsed_fini(&parsed);
    files_fini(&files);
    return rc;
}

int en_tls_material_load(struct enoki_tls **out, const char *directory, const char *name,
                         struct enoki_error *err)
{
    struct enoki_tls *tls;
    int rc = en_tls_check_name(name, false, err);

    if (rc != 0)
        return rc;
    tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for TLS material");
    tls->directory = strdup(directory);
    tls->name = strdup(name);
    if (tls->directory == NULL || tls->name == NULL)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for TLS material");
    else
        rc = read_material(tls, err);
    if (rc == 0)
        *out = tls;
    else
        en_tls_material_free(tls);
    return rc;
}

static void free_texts(struct enoki_tls *tls)
{
    free(tls->ca);
    free(tls->certificate);
    if (tls->key != NULL)
        OPENSSL_cleanse(tls->key, strlen(tls->key));
    free(tls->key);
}

void en_tls_material_free(struct enoki_tls *tls)
{
    if (tls == NULL)
        return;
    free_texts(tls);
    free(tls->directory);
    free(tls->name);
    free(tls);
}

int en_tls_material_refresh(struct enoki_tls *tls, struct enoki_error *err)
{
    struct enoki_tls fresh = {.directory = tls->directory, .name = tls->name};
    int rc;

    if (en_tls_stamp(tls->directory, tls->name) != tls->stamp) {
        rc = read_material(&fresh, err);
        if (rc != 0)
            return rc;
        free_texts(tls);
        *tls = fresh;
        return 1;
    }
    if (tls->expires > (int64_t)(en_clock_wall_ns() / 1000000000u))
        return 0;
    return enoki_error_set(err, ENOKI_ETLS,
                           "'%.200s/%.64s.crt' has expired: renew it with `enoki certs renew "
                           "%.64s`",
                           tls->directory, tls->name, tls->name);
}

/* --- told about --------------------------------------------------------------------------------
 */

static void describe_key(X509 *certificate, struct enoki_tls_info *out)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    char group[20] = "?";

    if (key == NULL)
        return;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
        (void)snprintf(out->key, sizeof(out->key), "EC %.20s",
                       strcmp(group, "prime256v1") == 0 ? "P-256" : group);
    } else {
        (void)snprintf(out->key, sizeof(out->key), "%.20s %d",
                       EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? "RSA"
                                                                 : EVP_PKEY_get0_type_name(key),
                       EVP_PKEY_get_bits(key));
    }
}

static void describe_sans(X509 *certificate, struct enoki_tls_info *out)
{
    int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
    BIO *bio = BIO_new(BIO_s_mem());
    int len = 0;

    if (bio != NULL && at >= 0 &&
        X509V3_EXT_print(bio, X509_get_ext(certificate, at), X509V3_EXT_ERROR_UNKNOWN, 0) == 1)
        len = BIO_read(bio, out->sans, (int)sizeof(out->sans) - 1);
    out->sans[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
}

static void describe(X509 *certificate, struct enoki_tls_info *out)
{
    uint32_t usage = X509_get_extended_key_usage(certificate);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = serial == NULL ? NULL : BN_bn2hex(serial);

    memset(out, 0, sizeof(*out));
    en_tls_common_name(X509_get_subject_name(certificate), out->name, sizeof(out->name));
    en_tls_common_name(X509_get_issuer_name(certificate), out->issuer, sizeof(out->issuer));
    (void)snprintf(out->serial, sizeof(out->serial), "%.60s", hex == NULL ? "" : hex);
    describe_key(certificate, out);
    describe_sans(certificate, out);
    if (X509_digest(certificate, EVP_sha256(), digest, &len) == 1)
        for (unsigned i = 0; i < len && i * 3 + 3 <= sizeof(out->fingerprint); i++)
            (void)snprintf(out->fingerprint + i * 3, 4, "%02X%s", digest[i],
                           i + 1 < len ? ":" : "");
    out->begins = en_tls_time(X509_get0_notBefore(certificate));
    out->expires = en_tls_time(X509_get0_notAfter(certificate));
    out->is_ca = X509_check_ca(certificate) == 1;
    if (usage != UINT32_MAX)
        out->usage = ((usage & XKU_SSL_CLIENT) != 0 ? ENOKI_TLS_CLIENT : 0) |
                     ((usage & XKU_SSL_SERVER) != 0 ? ENOKI_TLS_SERVER : 0);
    OPENSSL_free(hex);
    BN_free(serial);
    ERR_clear_error();
}

int en_tls_material_inspect(const char *directory, const char *name, struct enoki_tls_info *out,
                            struct enoki_error *err)
{
    STACK_OF(X509) *list = NULL;
    char *path, *text = NULL;
    int rc = en_tls_check_name(name, true, err);

    if (rc != 0)
        return rc;
    path = en_tls_path(directory, name, "crt");
    if (path == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    rc = en_tls_read(path, &text, err);
    if (rc == 0)
        rc = en_tls_parse_certificates(&list, text, path, err);
    if (rc == 0)
        describe(sk_X509_value(list, 0), out);
    sk_X509_pop_free(list, X509_free);
    free(text);
    free(path);
    return rc;
}

/* --- checked -----------------------------------------------------------------------------------
 */

struct report {
    enoki_tls_fault_fn fault;
    void *context;
    int count;
};

/* True if it is well. */
static bool note(struct report *report, int rc, const struct enoki_error *err)
{
    if (rc == 0)
        return true;
    report->fault(report->context, err->message);
    report->count++;
    return false;
}

static void check_parsed(struct report *report, const struct en_tls_parsed *parsed,
                         const struct en_tls_texts *texts, const char *host)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    (void)note(report, en_tls_check_pair(parsed, texts, &err), &err);
    (void)note(report, en_tls_check_chain(parsed, texts, &err), &err);
    (void)note(report,
               en_tls_check_dates(sk_X509_value(parsed->authorities, 0), texts->ca_path, &err),
               &err);
    (void)note(report, en_tls_check_dates(parsed->leaf, texts->certificate_path, &err), &err);
    if (host != NULL)
        (void)note(report, en_tls_check_host(parsed->leaf, texts->certificate_path, host, &err),
                   &err);
}

int en_tls_material_check(const char *directory, const char *name, const char *host,
                          enoki_tls_fault_fn fault, void *context)
{
    struct report report = {fault, context, 0};
    struct en_tls_parsed parsed = {NULL, NULL, NULL, NULL};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct files files = {0};
    struct en_tls_texts texts;

    if (!note(&report, en_tls_check_name(name, false, &err), &err) ||
        !note(&report, files_name(&files, directory, name, &err), &err)) {
        files_fini(&files);
        return report.count;
    }
    (void)note(&report, en_tls_read(files.ca_path, &files.ca, &err), &err);
    (void)note(&report, en_tls_read(files.certificate_path, &files.certificate, &err), &err);
    (void)note(&report, en_tls_read(files.key_path, &files.key, &err), &err);
    if (files.key != NULL && en_tls_is_open_to_others(files.key_path))
        (void)note(&report,
                   enoki_error_set(&err, ENOKI_ETLS, "'%.300s' can be read by others: chmod 600 it",
                                   files.key_path),
                   &err);
    texts = texts_of(&files);
    if (files.ca != NULL && files.certificate != NULL && files.key != NULL &&
        note(&report, en_tls_parse(&parsed, &texts, &err), &err))
        check_parsed(&report, &parsed, &texts, host);
    en_tls_parsed_fini(&parsed);
    files_fini(&files);
    return report.count;
}
