#include "sockets.h"

#include <dirent.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int (*name_fn)(int fd, struct sockaddr *address, socklen_t *len);

/* -1 if it is no such end of an internet socket. */
static int port_of(name_fn name, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t len = sizeof(address);

    if (name(fd, &address.any, &len) != 0)
        return -1;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : -1;
}

static bool is_meant(int fd, int port, int peer)
{
    return port_of(getsockname, fd) == port &&
           (peer == ANY_PEER || port_of(getpeername, fd) == peer);
}

/* Works on a duplicate: gRPC may close its own at any time, and the number may become another
 * file's. */
static void for_each(int port, int peer, void (*change)(int fd))
{
    DIR *files = opendir("/proc/self/fd");
    const struct dirent *file;

    while (files != NULL && (file = readdir(files)) != NULL) {
        int fd = dup(atoi(file->d_name));

        if (fd < 0)
            continue;
        if (is_meant(fd, port, peer))
            change(fd);
        (void)close(fd);
    }
    if (files != NULL)
        (void)closedir(files);
}

static void reset(int fd)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    /* Dissolving an established connection is what makes the kernel send a reset at once. */
    (void)connect(fd, &nobody, sizeof(nobody));
}

static void silence(int fd)
{
    struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const struct sock_fprog program = {1, drop_all};

    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void heal(int fd)
{
    const int unused = 0;

    (void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}

void sockets_reset(int port, int peer)
{
    for_each(port, peer, reset);
}

void sockets_silence(int port, int peer)
{
    for_each(port, peer, silence);
}

void sockets_heal(int port)
{
    for_each(port, ANY_PEER, heal);
}
