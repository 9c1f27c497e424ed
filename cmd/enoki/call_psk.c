#include "call_psk.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Two digits; -1: they are none. */
static int byte_of(const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    const char *high = hex[0] == '\0' ? NULL : strchr(digits, tolower((unsigned char)hex[0]));
    const char *low =
        high == NULL || hex[1] == '\0' ? NULL : strchr(digits, tolower((unsigned char)hex[1]));

    return low == NULL ? -1 : (int)((high - digits) * 16 + (low - digits));
}

static int read_key(struct call_psk *psk, const char *hex)
{
    while (*hex != '\0' && !isspace((unsigned char)*hex)) {
        int byte = byte_of(hex);

        if (byte < 0 || psk->key_len == sizeof(psk->key))
            return -1;
        psk->key[psk->key_len++] = (uint8_t)byte;
        hex += 2;
    }
    return psk->key_len == 0 ? -1 : 0;
}

int call_psk_read(struct call_psk *psk, const char *path, struct enoki_error *err)
{
    FILE *file = fopen(path, "re");
    char line[512] = "", *colon;
    int failed;

    *psk = (struct call_psk){.key_len = 0};
    if (file == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "--psk %.300s: %s", path, strerrordesc_np(errno));
    failed = fgets(line, sizeof(line), file) == NULL;
    (void)fclose(file);
    colon = strrchr(line, ':');
    failed = failed || colon == NULL || colon == line ||
             (size_t)(colon - line) >= sizeof(psk->identity) || read_key(psk, colon + 1) != 0;
    if (!failed)
        memcpy(psk->identity, line, (size_t)(colon - line));
    explicit_bzero(line, sizeof(line));
    return failed ? enoki_error_set(err, ENOKI_EINVAL,
                                    "--psk %.300s: its first line is not IDENTITY:HEXKEY", path)
                  : 0;
}
