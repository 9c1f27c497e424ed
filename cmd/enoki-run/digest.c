#include "digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 32

struct digest {
    EVP_MD_CTX *context;
    bool is_bad;
};

struct digest *digest_new(void)
{
    struct digest *digest = calloc(1, sizeof(*digest));

    if (digest == NULL)
        return NULL;
    digest->context = EVP_MD_CTX_new();
    digest->is_bad = digest->context == NULL ||
                     EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1;
    return digest;
}

void digest_add(struct digest *digest, const void *bytes, size_t len)
{
    if (!digest->is_bad)
        digest->is_bad = EVP_DigestUpdate(digest->context, bytes, len) != 1;
}

void digest_add_text(struct digest *digest, const char *text)
{
    digest_add(digest, text, strlen(text) + 1);
}

bool digest_end(struct digest *digest, char out[65])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    bool is_good = digest != NULL && !digest->is_bad &&
                   EVP_DigestFinal_ex(digest->context, bytes, NULL) == 1;

    for (size_t i = 0; i < BYTES && is_good; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    if (digest != NULL)
        EVP_MD_CTX_free(digest->context);
    free(digest);
    return is_good;
}
