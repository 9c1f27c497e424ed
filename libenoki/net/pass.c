#include "net/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

int en_pass_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : ENOKI_EIO;
}

int en_pass_send(int to, const void *message, size_t len, int fd, bool waits)
{
    struct iovec part = {(void *)(uintptr_t)message, len};
    union control control = {.room = {0}};
    struct msghdr parts = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.room,
                           .msg_controllen = sizeof(control.room)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&parts);
    ssize_t sent;

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof(int));
    do {
        sent = sendmsg(to, &parts, MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT));
    } while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)len)
        return 0;
    /* The last two: as many descriptors are under way as this user may have. */
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
        return ENOKI_ELIMIT;
    return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? ENOKI_ECLOSED : ENOKI_EIO;
}

int en_pass_new_stream(int to, const void *message, size_t len, bool waits, int *fd_out)
{
    int pair[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return ENOKI_EIO;
    rc = en_pass_send(to, message, len, pair[1], waits);
    (void)close(pair[1]);
    if (rc != 0)
        (void)close(pair[0]);
    else
        *fd_out = pair[0];
    return rc;
}

int en_pass_receive(int from, void *message, size_t size, int *fd_out)
{
    struct iovec part = {message, size};
    union control control;
    struct msghdr parts = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.room,
                           .msg_controllen = sizeof(control.room)};
    ssize_t got = recvmsg(from, &parts, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = got < 0 ? NULL : CMSG_FIRSTHDR(&parts);
    int fds[sizeof(control.room) / sizeof(int)];
    size_t count = 0;

    *fd_out = -1;
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(fds[0]);
        memcpy(fds, CMSG_DATA(head), count * sizeof(fds[0]));
    }
    if (count == 1)
        *fd_out = fds[0];
    /* Padding lets a second one through: nobody may fill this process's table. */
    for (size_t i = 0; count > 1 && i < count; i++)
        (void)close(fds[i]);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : ENOKI_ECLOSED;
    return got == 0 ? ENOKI_ECLOSED : (int)got;
}

bool en_pass_is_stream(int fd)
{
    int domain = 0, type = 0;
    socklen_t domain_size = sizeof(domain), type_size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && domain == AF_UNIX &&
           type == SOCK_STREAM;
}
