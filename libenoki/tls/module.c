/* The module's one symbol. */
#include "tls/module.h"

#include "tls/accept.h"
#include "tls/issue.h"
#include "tls/material.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

static int base64_encode(struct en_buffer *out, const void *bytes, size_t len)
{
    int rc;

    if (len > INT32_MAX / 2)
        return ENOKI_ELIMIT;
    rc = en_buffer_reserve(out, (len + 2) / 3 * 4 + 1);
    if (rc != 0)
        return rc;
    out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len, bytes, (int)len);
    return 0;
}

/* OpenSSL takes blanks around a text and padding in odd places for granted: refused before. */
static bool is_base64(const char *text, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t padding = 0;

    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len - padding; i++)
        if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL)
            return false;
    return len % 4 == 0;
}

static int base64_decode(struct en_buffer *out, const char *text, size_t len)
{
    size_t padding = 0;
    int rc, got;

    if (len > INT32_MAX || !is_base64(text, len))
        return ENOKI_EINVAL;
    if (len == 0)
        return 0;
    rc = en_buffer_reserve(out, len / 4 * 3 + 1);
    if (rc != 0)
        return rc;
    got = EVP_DecodeBlock((unsigned char *)out->data + out->len, (const unsigned char *)text,
                          (int)len);
    while (padding < 2 && text[len - 1 - padding] == '=')
        padding++;
    if (got < (int)padding)
        return ENOKI_EINVAL;
    out->len += (size_t)got - padding;
    out->data[out->len] = '\0';
    return 0;
}

EN_MODULE_EXPORT extern const struct en_tls_api enoki_module;

const struct en_tls_api enoki_module = {
    .module = {"tls", ENOKI_VERSION},
    .init = en_tls_issue_init,
    .issue = en_tls_issue_issue,
    .renew = en_tls_issue_renew,
    .bundle = en_tls_issue_bundle,
    .inspect = en_tls_material_inspect,
    .check = en_tls_material_check,
    .load = en_tls_material_load,
    .free = en_tls_material_free,
    .refresh = en_tls_material_refresh,
    .acceptor_new = en_tls_accept_new,
    .acceptor_free = en_tls_accept_free,
    .acceptor_refresh = en_tls_accept_refresh,
    .acceptor_connection = en_tls_accept_connection,
    .base64_encode = base64_encode,
    .base64_decode = base64_decode,
};
