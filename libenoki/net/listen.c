#include "net/listen.h"

#include "base/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

int en_listen_tcp(const char *text, int *fd_out, struct enoki_error *err)
{
    union en_address address;
    socklen_t len = 0;
    int fd = -1, on = 1, rc;

    rc = en_address_parse(text, &address, &len, err);
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
                         errno == EADDRINUSE      ? "; stop what uses it or choose another port"
                         : errno == EADDRNOTAVAIL ? "; give an address of this machine"
                         : errno == EACCES ? "; choose a port from 1024 on, or give the program "
                                             "CAP_NET_BIND_SERVICE"
                                           : "");
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* Nobody listens any more on a socket that a killed process has left. */
static void remove_left(const struct sockaddr_un *address)
{
    struct stat status;
    int fd;

    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
        errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
    (void)close(fd);
}

int en_listen_unix(const char *path, int *fd_out, struct enoki_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    int fd, rc;

    if (len == 0 || len >= sizeof(address.sun_path))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%.200s': the path of a socket has 1 to %zu bytes", path,
                               sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, len + 1);
    remove_left(&address);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        chmod(path, 0666) == 0 && listen(fd, BACKLOG) == 0) {
        *fd_out = fd;
        return 0;
    }
    rc = enoki_error_set(err, ENOKI_EIO, "cannot listen on '%s': %s%s", path, strerror(errno),
                         errno == EADDRINUSE ? "; stop what uses it or choose another path" : "");
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int en_listen_name(int fd, char *out, size_t size)
{
    union en_address address;
    socklen_t len = sizeof(address);

    return getsockname(fd, &address.any, &len) == 0 ? en_address_format(&address, out, size)
                                                : ENOKI_EIO;
}

int en_listen_peer_name(int fd, char *out, size_t size)
{
    union en_address address;
    socklen_t len = sizeof(address);

    return getpeername(fd, &address.any, &len) == 0 ? en_address_format(&address, out, size)
                                                : ENOKI_EIO;
}
