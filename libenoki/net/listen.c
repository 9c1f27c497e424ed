#include "net/listen.h"

#include "base/checked.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int parse_address(const char *text, union address *out, socklen_t *len_out,
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

int en_listen_tcp(const char *text, int *fd_out, struct enoki_error *err)
{
    union address address;
    socklen_t len = 0;
    int fd = -1, on = 1, rc;

    rc = parse_address(text, &address, &len, err);
    if (rc != 0)
        return rc;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto out;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        bind(fd, &address.any, len) != 0 || listen(fd, BACKLOG) != 0)
        goto out;
    *fd_out = fd;
    return 0;

out:
    rc = enoki_error_set(err, ENOKI_EIO, "cannot listen on '%s': %s%s", text, strerror(errno),
                         errno == EADDRINUSE ? "; stop what uses it or choose another port" : "");
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int en_listen_name(int fd, char *out, size_t size)
{
    union address address;
    socklen_t len = sizeof(address);
    char host[INET6_ADDRSTRLEN];
    int written;

    if (getsockname(fd, &address.any, &len) != 0)
        return ENOKI_EIO;
    if (address.any.sa_family == AF_INET6) {
        if (inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host)) == NULL)
            return ENOKI_EIO;
        written = snprintf(out, size, "[%s]:%u", host, ntohs(address.v6.sin6_port));
    } else {
        if (inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host)) == NULL)
            return ENOKI_EIO;
        written = snprintf(out, size, "%s:%u", host, ntohs(address.v4.sin_port));
    }
    return written < 0 || (size_t)written >= size ? ENOKI_ELIMIT : 0;
}
