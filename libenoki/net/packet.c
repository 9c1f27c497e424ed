#include "net/packet.h"

#include "base/checked.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Fits into the default socket buffer (208 KiB) twice. */
#define INLINE_BYTES 98304u

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

void en_packet_drop_passed(struct en_packet *packet)
{
    if (packet->passed >= 0)
        (void)close(packet->passed);
    packet->passed = -1;
}

int en_packet_init(struct en_packet *packet, size_t max_bytes)
{
    memset(packet, 0, sizeof(*packet));
    packet->max = max_bytes;
    packet->passed = -1;
    packet->room = malloc(INLINE_BYTES);
    return packet->room == NULL ? ENOKI_ENOMEM : 0;
}

void en_packet_fini(struct en_packet *packet)
{
    en_packet_drop_passed(packet);
    free(packet->room);
    free(packet->large);
    packet->room = NULL;
    packet->large = NULL;
}

static int send_status(void)
{
    switch (errno) {
    case EAGAIN:
        return ENOKI_ELIMIT;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return ENOKI_ECLOSED;
    case ENOMEM:
    case ENOBUFS:
        return ENOKI_ENOMEM;
    default:
        return ENOKI_EIO;
    }
}

static int send_message(int fd, const struct msghdr *message)
{
    ssize_t sent;

    do
        sent = sendmsg(fd, message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? send_status() : 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return ENOKI_EIO;
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

/* The message carries a descriptor. */
static void set_descriptor(struct msghdr *message, union control *control, int file)
{
    struct cmsghdr *cmsg;

    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = sizeof(control->bytes);
    cmsg = CMSG_FIRSTHDR(message);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &file, sizeof(int));
}

static int send_large(int fd, const struct iovec *parts, size_t count)
{
    char byte = 0;
    struct iovec part = {&byte, 1};
    union control control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int file = memfd_create("enoki-packet", MFD_CLOEXEC);
    int rc = 0;

    if (file < 0)
        return ENOKI_EIO;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = write_all(file, parts[i].iov_base, parts[i].iov_len);
    if (rc == 0) {
        set_descriptor(&message, &control, file);
        rc = send_message(fd, &message);
    }
    (void)close(file);
    return rc;
}

int en_packet_send_parts(int fd, const struct iovec *parts, size_t count)
{
    struct iovec copy[EN_PACKET_PARTS_MAX];
    struct msghdr message = {.msg_iov = copy, .msg_iovlen = count};
    size_t total = 0;

    if (count > EN_PACKET_PARTS_MAX)
        return ENOKI_EINVAL;
    memcpy(copy, parts, count * sizeof(*parts));
    for (size_t i = 0; i < count; i++) {
        if (!en_add_size(total, parts[i].iov_len, &total))
            return ENOKI_EINVAL;
    }
    return total > INLINE_BYTES ? send_large(fd, parts, count) : send_message(fd, &message);
}

int en_packet_send(int fd, const void *head, size_t head_len, const void *body, size_t body_len)
{
    const struct iovec parts[2] = {{(void *)(uintptr_t)head, head_len},
                                   {(void *)(uintptr_t)body, body_len}};

    return en_packet_send_parts(fd, parts, body_len > 0 ? 2 : 1);
}

int en_packet_pass(int fd, const void *head, size_t head_len, const void *body, size_t body_len,
                   int passed)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)head, head_len},
                             {(void *)(uintptr_t)body, body_len}};
    union control control;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    if (passed < 0 || body_len > INLINE_BYTES - head_len)
        return en_packet_send(fd, head, head_len, body, body_len);
    set_descriptor(&message, &control, passed);
    return send_message(fd, &message);
}

/* Copies it: the sender could cut a file that is only mapped, and the reader would die of it. */
static int take_large(struct en_packet *packet, int file)
{
    struct stat status;
    size_t len, done = 0;

    if (fstat(file, &status) != 0 || status.st_size < 0 || (uint64_t)status.st_size > packet->max)
        return ENOKI_EPROTO;
    len = (size_t)status.st_size;
    packet->large = malloc(len + 1);
    if (packet->large == NULL)
        return ENOKI_ENOMEM;
    while (done < len) {
        ssize_t got = pread(file, packet->large + done, len - done, (off_t)done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ENOKI_EPROTO;
        done += (size_t)got;
    }
    packet->data = packet->large;
    packet->len = len;
    return 1;
}

static bool is_socket(int file)
{
    struct stat status;

    return fstat(file, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* -1: none came. */
static int take_descriptor(struct msghdr *message)
{
    const struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);
    int file = -1;

    if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
        cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&file, CMSG_DATA(cmsg), sizeof(int));
    return file;
}

int en_packet_receive(struct en_packet *packet, int fd, int wait)
{
    struct iovec part = {packet->room, INLINE_BYTES};
    union control control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    int file, rc;

    en_packet_drop_passed(packet);
    free(packet->large);
    packet->large = NULL;
    do
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : errno == ECONNRESET ? ENOKI_ECLOSED : ENOKI_EIO;
    if (got == 0)
        return ENOKI_ECLOSED;
    file = take_descriptor(&message);
    if (file >= 0 && is_socket(file)) {
        packet->passed = file;
    } else if (file >= 0) {
        rc = take_large(packet, file);
        (void)close(file);
        return rc;
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return ENOKI_EPROTO;
    packet->data = packet->room;
    packet->len = (size_t)got;
    return 1;
}
