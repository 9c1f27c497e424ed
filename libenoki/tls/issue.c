#include "tls/issue.h"

#include "tls/files.h"
#include "tls/parse.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CA_DAYS 3650u
#define LEAF_DAYS 365u
#define DAYS_MAX 36500u
/* Machines at the edge have clocks that are a little behind. */
#define BEFORE_NOW_S (-3600)
#define SERIAL_BITS 159

/* What a certificate is signed with; both NULL: by itself. */
struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

static int openssl_failed(const char *doing, struct enoki_error *err)
{
    char text[120];

    ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    ERR_clear_error();
    return enoki_error_set(err, ENOKI_ETLS, "cannot %s: %s", doing, text);
}

static int check_options(const struct enoki_tls_options *options, struct enoki_error *err)
{
    if (options->size < sizeof(*options))
        return enoki_error_set(err, ENOKI_EINVAL, "start from ENOKI_TLS_OPTIONS_INIT");
    if (options->days > DAYS_MAX)
        return enoki_error_set(err, ENOKI_EINVAL, "'%u' days: at most %u are possible",
                               options->days, DAYS_MAX);
    if (options->rsa_bits != 0 && (options->rsa_bits < 2048 || options->rsa_bits > 8192))
        return enoki_error_set(err, ENOKI_EINVAL, "'%u' bits: RSA keys have 2048 to 8192",
                               options->rsa_bits);
    if (options->usage < ENOKI_TLS_CLIENT || options->usage > ENOKI_TLS_BOTH)
        return enoki_error_set(err, ENOKI_EINVAL, "'%d' is no usage", (int)options->usage);
    return 0;
}

static EVP_PKEY *make_key(uint32_t rsa_bits)
{
    return rsa_bits != 0 ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256");
}

/* --- the certificate ---------------------------------------------------------------------------
 */

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;
    bool ok;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* The names of a subject as extension: built by hand, since OpenSSL's own syntax would read commas
 * and colons in them. */
static int add_san(GENERAL_NAMES *names, const char *san, struct enoki_error *err)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(san);
    ASN1_IA5STRING *text = NULL;

    if (name == NULL)
        goto failed;
    if (address != NULL) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        address = NULL;
    } else {
        text = ASN1_IA5STRING_new();
        if (text == NULL || ASN1_STRING_set(text, san, -1) != 1)
            goto failed;
        GENERAL_NAME_set0_value(name, GEN_DNS, text);
        text = NULL;
    }
    if (sk_GENERAL_NAME_push(names, name) <= 0)
        goto failed;
    ERR_clear_error();
    return 0;
failed:
    ASN1_OCTET_STRING_free(address);
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(name);
    return openssl_failed("add a name", err);
}

static bool is_san(const char *san)
{
    size_t len = strnlen(san, 254);

    if (len == 0 || len > 253)
        return false;
    return strspn(san, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*:") ==
           len;
}

static int add_sans(X509 *certificate, const struct enoki_tls_options *options,
                    struct enoki_error *err)
{
    GENERAL_NAMES *names;
    int rc = 0;

    if (options->san_count == 0)
        return 0;
    names = GENERAL_NAMES_new();
    if (names == NULL)
        return openssl_failed("make a list of names", err);
    for (size_t i = 0; rc == 0 && i < options->san_count; i++)
        rc = is_san(options->sans[i])
                 ? add_san(names, options->sans[i], err)
                 : enoki_error_set(err, ENOKI_EINVAL,
                                   "'%.100s' is neither a host name nor an IP address",
                                   options->sans[i]);
    if (rc == 0 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) != 1)
        rc = openssl_failed("add the names", err);
    GENERAL_NAMES_free(names);
    return rc;
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool ok = number != NULL &&
              BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return ok;
}

/* A certificate must not outlive the one that it is checked with. */
static bool set_dates(X509 *certificate, const X509 *issuer, uint32_t days)
{
    if (X509_gmtime_adj(X509_getm_notBefore(certificate), BEFORE_NOW_S) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) == NULL)
        return false;
    if (issuer != NULL &&
        ASN1_TIME_compare(X509_get0_notAfter(certificate), X509_get0_notAfter(issuer)) > 0)
        return X509_set1_notAfter(certificate, X509_get0_notAfter(issuer)) == 1;
    return true;
}

static bool sign(X509 *certificate, const struct authority *by, EVP_PKEY *own)
{
    const X509 *issuer = by->certificate != NULL ? by->certificate : certificate;

    return X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           X509_sign(certificate, by->key != NULL ? by->key : own, EVP_sha256()) > 0;
}

static bool begin(X509 *certificate, const char *name, EVP_PKEY *key)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_organizationName,
                                      MBSTRING_UTF8, (const unsigned char *)"enoki", -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                      MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1 &&
           X509_set_pubkey(certificate, key) == 1;
}

static int make_ca(X509 **out, EVP_PKEY *key, const struct enoki_tls_options *options,
                   struct enoki_error *err)
{
    const struct authority itself = {NULL, NULL};
    X509 *ca = X509_new();

    if (ca == NULL || !begin(ca, options->ca_name != NULL ? options->ca_name : "Enoki CA", key) ||
        !set_dates(ca, NULL, options->days != 0 ? options->days : CA_DAYS) ||
        X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
        !add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(ca, ca, NID_subject_key_identifier, "hash") || !sign(ca, &itself, key)) {
        X509_free(ca);
        return openssl_failed("make the CA's certificate", err);
    }
    *out = ca;
    return 0;
}

static const char *usage_text(enum enoki_tls_usage usage)
{
    return usage == ENOKI_TLS_CLIENT   ? "clientAuth"
           : usage == ENOKI_TLS_SERVER ? "serverAuth"
                                       : "serverAuth,clientAuth";
}

static int make_leaf(X509 **out, const char *name, EVP_PKEY *key, const struct authority *by,
                     const struct enoki_tls_options *options, struct enoki_error *err)
{
    X509 *leaf = X509_new();
    int rc;

    if (leaf == NULL || !begin(leaf, name, key) ||
        !set_dates(leaf, by->certificate, options->days != 0 ? options->days : LEAF_DAYS) ||
        !add_extension(leaf, by->certificate, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(leaf, by->certificate, NID_key_usage,
                       "critical,digitalSignature,keyEncipherment") ||
        !add_extension(leaf, by->certificate, NID_ext_key_usage, usage_text(options->usage)) ||
        !add_extension(leaf, by->certificate, NID_subject_key_identifier, "hash") ||
        !add_extension(leaf, by->certificate, NID_authority_key_identifier, "keyid")) {
        X509_free(leaf);
        return openssl_failed("make a certificate", err);
    }
    rc = add_sans(leaf, options, err);
    if (rc == 0 && !sign(leaf, by, key))
        rc = openssl_failed("sign a certificate", err);
    if (rc == 0)
        *out = leaf;
    else
        X509_free(leaf);
    return rc;
}

/* --- files -------------------------------------------------------------------------------------
 */

static int write_bio(const char *directory, const char *name, const char *ending, BIO *bio,
                     bool force, struct enoki_error *err)
{
    char *path = en_tls_path(directory, name, ending);
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    int rc;

    if (path == NULL || len <= 0)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a certificate");
    else
        rc = en_tls_write(path, text, (size_t)len, strcmp(ending, "key") == 0, force, err);
    free(path);
    return rc;
}

static int write_key(const char *directory, const char *name, EVP_PKEY *key, bool force,
                     struct enoki_error *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    int rc;

    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        rc = openssl_failed("write a key", err);
    else
        rc = write_bio(directory, name, "key", bio, force, err);
    BIO_free(bio);
    return rc;
}

static int write_certificate(const char *directory, const char *name, X509 *certificate, bool force,
                             struct enoki_error *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc;

    if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1)
        rc = openssl_failed("write a certificate", err);
    else
        rc = write_bio(directory, name, "crt", bio, force, err);
    BIO_free(bio);
    return rc;
}

/* Nothing is written if one of the two is there already. */
static int check_absent(const char *directory, const char *name, struct enoki_error *err)
{
    static const char *const endings[] = {"crt", "key"};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < 2; i++) {
        char *path = en_tls_path(directory, name, endings[i]);
        FILE *file = path == NULL ? NULL : fopen(path, "re");

        if (path == NULL)
            rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
        else if (file != NULL)
            rc = enoki_error_set(err, ENOKI_ETLS,
                                 "'%.300s' is there already: use --force to replace it, or "
                                 "`enoki certs renew`",
                                 path);
        if (file != NULL)
            (void)fclose(file);
        free(path);
    }
    return rc;
}

static int load_pem(const char *directory, const char *name, X509 **certificate, EVP_PKEY **key,
                    struct enoki_error *err)
{
    char *certificate_path = en_tls_path(directory, name, "crt");
    char *key_path = en_tls_path(directory, name, "key");
    STACK_OF(X509) *list = NULL;
    char *text = NULL, *key_text = NULL;
    int rc = 0;

    if (certificate_path == NULL || key_path == NULL)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    if (rc == 0)
        rc = en_tls_read(certificate_path, &text, err);
    if (rc == 0)
        rc = en_tls_parse_certificates(&list, text, certificate_path, err);
    if (rc == 0)
        rc = en_tls_read(key_path, &key_text, err);
    if (rc == 0)
        rc = en_tls_parse_key(key, key_text, key_path, err);
    if (rc == 0)
        *certificate = sk_X509_shift(list);
    if (key_text != NULL)
        OPENSSL_cleanse(key_text, strlen(key_text));
    sk_X509_pop_free(list, X509_free);
    free(text);
    free(key_text);
    free(certificate_path);
    free(key_path);
    return rc;
}

/* --- the four calls ----------------------------------------------------------------------------
 */

int en_tls_issue_init(const char *directory, const struct enoki_tls_options *given,
                      struct enoki_error *err)
{
    const struct enoki_tls_options defaults = ENOKI_TLS_OPTIONS_INIT;
    const struct enoki_tls_options *options = given != NULL ? given : &defaults;
    char *keys = NULL;
    EVP_PKEY *key = NULL;
    X509 *ca = NULL;
    int rc = check_options(options, err);

    if (rc == 0)
        rc = en_tls_make_folder(directory, err);
    if (rc == 0 && asprintf(&keys, "%s/ca", directory) < 0)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    if (rc == 0)
        rc = en_tls_make_folder(keys, err);
    if (rc == 0 && options->force == 0)
        rc = check_absent(directory, "ca", err);
    if (rc == 0) {
        key = make_key(options->rsa_bits);
        rc = key == NULL ? openssl_failed("make a key", err) : make_ca(&ca, key, options, err);
    }
    if (rc == 0)
        rc = write_key(directory, "ca", key, options->force != 0, err);
    if (rc == 0)
        rc = write_certificate(directory, "ca", ca, options->force != 0, err);
    X509_free(ca);
    EVP_PKEY_free(key);
    free(keys);
    return rc;
}

int en_tls_issue_issue(const char *directory, const char *name,
                       const struct enoki_tls_options *given, struct enoki_error *err)
{
    const struct enoki_tls_options defaults = ENOKI_TLS_OPTIONS_INIT;
    const struct enoki_tls_options *options = given != NULL ? given : &defaults;
    struct authority by = {NULL, NULL};
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    int rc = en_tls_check_name(name, false, err);

    if (rc == 0)
        rc = check_options(options, err);
    if (rc == 0 && options->force == 0)
        rc = check_absent(directory, name, err);
    if (rc == 0)
        rc = load_pem(directory, "ca", &by.certificate, &by.key, err);
    if (rc == 0) {
        key = make_key(options->rsa_bits);
        rc = key == NULL ? openssl_failed("make a key", err)
                         : make_leaf(&leaf, name, key, &by, options, err);
    }
    if (rc == 0)
        rc = write_key(directory, name, key, options->force != 0, err);
    if (rc == 0)
        rc = write_certificate(directory, name, leaf, options->force != 0, err);
    X509_free(leaf);
    EVP_PKEY_free(key);
    X509_free(by.certificate);
    EVP_PKEY_free(by.key);
    return rc;
}

static bool has_dates(X509 *certificate, const X509 *old, const X509 *issuer, uint32_t days)
{
    int length = 0, seconds = 0;

    if (days == 0) {
        if (ASN1_TIME_diff(&length, &seconds, X509_get0_notBefore(old), X509_get0_notAfter(old)) !=
            1)
            return false;
        days = length > 0 ? (uint32_t)length : 1;
    }
    return set_dates(certificate, issuer, days);
}

int en_tls_issue_renew(const char *directory, const char *name, uint32_t days,
                       struct enoki_error *err)
{
    struct authority by = {NULL, NULL};
    EVP_PKEY *key = NULL;
    X509 *old = NULL, *fresh = NULL;
    int rc = en_tls_check_name(name, false, err);

    if (rc == 0 && days > DAYS_MAX)
        rc = enoki_error_set(err, ENOKI_EINVAL, "'%u' days: at most %u are possible", days,
                             DAYS_MAX);
    if (rc == 0)
        rc = load_pem(directory, "ca", &by.certificate, &by.key, err);
    if (rc == 0)
        rc = load_pem(directory, name, &old, &key, err);
    if (rc == 0) {
        /* The same in everything but the number, the dates, and whoever signs. */
        fresh = X509_dup(old);
        if (fresh == NULL || !set_serial(fresh) || !has_dates(fresh, old, by.certificate, days) ||
            X509_set_pubkey(fresh, key) != 1 || !sign(fresh, &by, key))
            rc = openssl_failed("renew a certificate", err);
    }
    if (rc == 0)
        rc = write_certificate(directory, name, fresh, true, err);
    X509_free(fresh);
    X509_free(old);
    EVP_PKEY_free(key);
    X509_free(by.certificate);
    EVP_PKEY_free(by.key);
    return rc;
}

static int copy(const char *from, const char *to, const char *name, const char *ending, bool force,
                struct enoki_error *err)
{
    char *source = en_tls_path(from, name, ending);
    char *target = en_tls_path(to, name, ending);
    char *text = NULL;
    int rc = ENOKI_ENOMEM;

    if (source != NULL && target != NULL)
        rc = en_tls_read(source, &text, err);
    else
        (void)enoki_error_set(err, rc, "out of memory");
    if (rc == 0)
        rc = en_tls_write(target, text, strlen(text), strcmp(ending, "key") == 0, force, err);
    free(text);
    free(source);
    free(target);
    return rc;
}

int en_tls_issue_bundle(const char *directory, const char *name, const char *out, int force,
                        struct enoki_error *err)
{
    int rc = en_tls_check_name(name, false, err);

    if (rc == 0)
        rc = en_tls_make_folder(out, err);
    if (rc == 0)
        rc = copy(directory, out, "ca", "crt", force != 0, err);
    if (rc == 0)
        rc = copy(directory, out, name, "crt", force != 0, err);
    if (rc == 0)
        rc = copy(directory, out, name, "key", force != 0, err);
    return rc;
}
