#include "base/address.h"

#include "base/checked.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

int en_address_parse(const char *text, union en_address *out, socklen_t *len_out,
                     struct enoki_error *err)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 1];
    size_t host_len;
    uint64_t port;

    if (colon == NULL || !en_parse_u64(colon + 1, strlen(colon + 1), 65535, &port))
        goto bad;
    host_len = (size_t)(colon - text);
    if (host_len >= 2 && text[0] == '[' && colon[-1] == ']') {
        text++;
        host_len -= 2;
    }
    if (host_len >= sizeof(host))
        goto bad;
    memcpy(host, text, host_len);
    host[host_len] = '\0';

    memset(out, 0, sizeof(*out));
    if (host_len == 0 || inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        *len_out = sizeof(out->v4);
    } else if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        *len_out = sizeof(out->v6);
    } else {
        goto bad;
    }
    return 0;

bad:
    return enoki_error_set(err, ENOKI_EINVAL,
                           "'%s' is not ADDRESS:PORT with a numeric address, as 127.0.0.1:8000 or "
                           "[::1]:8000",
                           text);
}

int en_address_format(const union en_address *address, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    int written;

    if (address->any.sa_family == AF_INET6 &&
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host)) != NULL)
        written = snprintf(out, size, "[%s]:%u", host, ntohs(address->v6.sin6_port));
    else if (address->any.sa_family == AF_INET &&
             inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host)) != NULL)
        written = snprintf(out, size, "%s:%u", host, ntohs(address->v4.sin_port));
    else
        return ENOKI_EIO;
    return written < 0 || (size_t)written >= size ? ENOKI_ELIMIT : 0;
}
