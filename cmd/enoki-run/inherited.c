#include "inherited.h"

#include "base/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3
#define SOCKETS_MAX 16u

/* The number of sockets that are for this process. */
static unsigned count_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t number = 0, owner = 0;

    if (pid == NULL || fds == NULL || !en_parse_u64(pid, strlen(pid), INT32_MAX, &owner) ||
        owner != (uint64_t)getpid() || !en_parse_u64(fds, strlen(fds), SOCKETS_MAX, &number))
        return 0;
    return (unsigned)number;
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

static int *place_of(struct inherited *out, const char *name, int fd)
{
    bool is_unix = option_of(fd, SO_DOMAIN) == AF_UNIX;

    if (strcmp(name, "management") == 0 || strcmp(name, "enoki-management.socket") == 0)
        return is_unix ? &out->management_local : &out->management;
    if (is_unix)
        return NULL;
    if (strcmp(name, "https") == 0)
        return &out->https;
    return strcmp(name, "http") == 0 || strcmp(name, "enoki.socket") == 0 ||
                   strcmp(name, "unknown") == 0
               ? &out->http
               : NULL;
}

static int take_one(struct inherited *out, const char *name, int fd, struct enoki_error *err)
{
    int *place = place_of(out, name, fd);
    int flags = fcntl(fd, F_GETFL), on = 1;

    if (place == NULL || *place >= 0)
        return enoki_error_set(err, ENOKI_ECONFIG,
                               "socket '%.60s' from systemd: %s; FileDescriptorName= may be http, "
                               "https or management, each once",
                               name, place == NULL ? "no such name" : "it is there twice");
    if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 1 || flags < 0 ||
        fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return enoki_error_set(err, ENOKI_ECONFIG,
                               "socket '%.60s' from systemd does not listen: write ListenStream= "
                               "and Accept=no",
                               name);
    if (place != &out->management_local)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *place = fd;
    return 0;
}

int inherited_take(struct inherited *out, struct enoki_error *err)
{
    unsigned count = count_sockets();
    const char *names = getenv("LISTEN_FDNAMES"), *at = names == NULL ? "" : names;
    int rc = 0;

    *out = (struct inherited){-1, -1, -1, -1};
    for (unsigned i = 0; i < count && rc == 0; i++) {
        size_t len = strcspn(at, ":");
        char name[64] = "unknown";

        if (len > 0 && len < sizeof(name)) {
            memcpy(name, at, len);
            name[len] = '\0';
        }
        at += len + (at[len] == ':' ? 1 : 0);
        rc = take_one(out, name, FIRST_FD + (int)i, err);
    }
    /* What is started from here has no part in it. */
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return rc;
}
