#include "coap/psk.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES 262144u
#define IDENTITY_MAX_BYTES 128u /* RFC 4279, 5.3: as OpenSSL has it too */
#define KEY_MIN_BYTES 16u
#define KEY_MAX_BYTES 64u

struct key {
    struct key *next;
    size_t identity_len;
    uint8_t identity[IDENTITY_MAX_BYTES];
    uint8_t bytes[KEY_MAX_BYTES];
    coap_bin_const_t value; /* bytes */
};

struct en_coap_keys {
    struct key *first;
};

void en_coap_keys_free(struct en_coap_keys *keys)
{
    while (keys != NULL && keys->first != NULL) {
        struct key *key = keys->first;

        keys->first = key->next;
        explicit_bzero(key, sizeof(*key));
        free(key);
    }
    free(keys);
}

const coap_bin_const_t *en_coap_keys_find(const struct en_coap_keys *keys, const void *identity,
                                          size_t len)
{
    for (const struct key *key = keys->first; key != NULL; key = key->next) {
        if (key->identity_len == len && memcmp(key->identity, identity, len) == 0)
            return &key->value;
    }
    return NULL;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* NULL, or what is wrong. */
static const char *read_key(struct key *key, const char *text, size_t len)
{
    if (len % 2 != 0 || len < 2 * KEY_MIN_BYTES || len > 2 * KEY_MAX_BYTES)
        return "the key has 16 to 64 bytes, in hexadecimal digits";
    for (size_t i = 0; i < len; i += 2) {
        int high = hex(text[i]), low = hex(text[i + 1]);

        if (high < 0 || low < 0)
            return "the key is written in hexadecimal digits";
        key->bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    key->value = (coap_bin_const_t){len / 2, key->bytes};
    return NULL;
}

static const char *read_line(struct en_coap_keys *keys, const char *line, size_t len)
{
    const char *colon = memrchr(line, ':', len);
    size_t identity_len = colon == NULL ? 0 : (size_t)(colon - line);
    const char *fault = "a line is IDENTITY:HEXKEY, the identity at most 128 bytes";
    struct key *key;

    if (identity_len == 0 || identity_len > IDENTITY_MAX_BYTES)
        return fault;
    if (en_coap_keys_find(keys, line, identity_len) != NULL)
        return "this identity has a key already";
    key = calloc(1, sizeof(*key));
    if (key == NULL)
        return "no memory";
    memcpy(key->identity, line, identity_len);
    key->identity_len = identity_len;
    fault = read_key(key, colon + 1, len - identity_len - 1);
    if (fault != NULL) {
        free(key);
        return fault;
    }
    key->next = keys->first;
    keys->first = key;
    return NULL;
}

int en_coap_keys_parse(struct en_coap_keys **out, const char *text, size_t len, const char *path,
                       struct enoki_error *err)
{
    struct en_coap_keys *keys = calloc(1, sizeof(*keys));
    const char *fault = keys == NULL ? "no memory" : NULL;
    unsigned number = 0;

    while (fault == NULL && len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end == NULL ? len : (size_t)(end - text);
        size_t used = end == NULL ? len : line_len + 1;

        number++;
        if (line_len > 0 && text[line_len - 1] == '\r')
            line_len--;
        if (line_len > 0 && text[0] != '#')
            fault = read_line(keys, text, line_len);
        text += used;
        len -= used;
    }
    if (fault == NULL && keys->first == NULL)
        fault = "there is no key: write lines IDENTITY:HEXKEY";
    if (fault == NULL) {
        *out = keys;
        return 0;
    }
    en_coap_keys_free(keys);
    return enoki_error_set(err, ENOKI_ETLS, "%.300s:%u: %s", path, number, fault);
}

static int check_file(FILE *file, const char *path, struct enoki_error *err)
{
    struct stat status;

    if (fstat(fileno(file), &status) != 0)
        return enoki_error_set(err, ENOKI_ETLS, "cannot read '%.300s': %s", path,
                               strerrordesc_np(errno));
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return enoki_error_set(err, ENOKI_ETLS,
                               "'%.300s' holds keys and may be read or written by others: chmod "
                               "600 it",
                               path);
    return 0;
}

int en_coap_keys_load(struct en_coap_keys **out, const char *path, struct enoki_error *err)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(FILE_MAX_BYTES + 1);
    size_t len = 0;
    int rc = 0;

    if (text == NULL)
        rc = enoki_error_set(err, ENOKI_ENOMEM, "no memory for '%.300s'", path);
    else if (file == NULL)
        rc = enoki_error_set(err, ENOKI_ETLS, "cannot read '%.300s': %s", path,
                             strerrordesc_np(errno));
    else
        rc = check_file(file, path, err);
    if (rc == 0)
        len = fread(text, 1, FILE_MAX_BYTES + 1, file);
    if (rc == 0 && (ferror(file) != 0 || len > FILE_MAX_BYTES))
        rc = enoki_error_set(err, ENOKI_ETLS, "'%.300s' cannot be read, or has more than %u bytes",
                             path, FILE_MAX_BYTES);
    if (rc == 0)
        rc = en_coap_keys_parse(out, text, len, path, err);
    if (file != NULL)
        (void)fclose(file);
    if (text != NULL)
        explicit_bzero(text, len);
    free(text);
    return rc;
}
