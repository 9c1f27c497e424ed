#include "invoke/output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define KEEP_BYTES 65536u

/* A short beginning and what follows it are one record. */
static ssize_t send_joined(struct en_transport *transport, const struct iovec *parts)
{
    char record[EN_TRANSPORT_RECORD_BYTES];
    size_t first = parts[0].iov_len, second = sizeof(record) - first;

    if (second > parts[1].iov_len)
        second = parts[1].iov_len;
    memcpy(record, parts[0].iov_base, first);
    memcpy(record + first, parts[1].iov_base, second);
    return transport->ops->send(transport, record, first + second);
}

/* Until the socket is full; 0 if it was from the start, -1 if it is dead. */
static ssize_t send_secure(struct en_transport *transport, struct iovec *parts, size_t count)
{
    ssize_t total = 0;

    while (count > 0) {
        ssize_t sent = count == 2 && parts[0].iov_len < EN_TRANSPORT_RECORD_BYTES
                           ? send_joined(transport, parts)
                           : transport->ops->send(transport, parts[0].iov_base, parts[0].iov_len);

        if (sent < 0)
            return errno == EAGAIN ? total : -1;
        total += sent;
        while (count > 0 && (size_t)sent >= parts[0].iov_len) {
            sent -= (ssize_t)parts[0].iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts[0].iov_base = (char *)parts[0].iov_base + sent;
            parts[0].iov_len -= (size_t)sent;
        }
    }
    return total;
}

/* One try; 0 if the socket is full, -1 if it is dead. */
static ssize_t send_once(int fd, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;

    do {
        if (count == 1)
            sent = send(fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        else
            sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
        return 0;
    return sent;
}

int en_output_send(struct en_output *output, int fd, const void *body, size_t body_len,
                   bool *progress_out)
{
    struct en_buffer *bytes = &output->bytes;
    size_t body_sent = 0;
    bool full = false; /* asking again would only cost a call */

    *progress_out = false;
    while (!full && (output->sent < bytes->len || body_sent < body_len)) {
        size_t own = bytes->len - output->sent, count = 0, step;
        struct iovec parts[2];
        ssize_t sent;

        if (own > 0)
            parts[count++] = (struct iovec){bytes->data + output->sent, own};
        if (body_sent < body_len)
            parts[count++] =
                (struct iovec){(char *)(uintptr_t)body + body_sent, body_len - body_sent};
        sent = output->transport != NULL ? send_secure(output->transport, parts, count)
                                         : send_once(fd, parts, count);
        if (sent < 0)
            return ENOKI_ECLOSED;
        if (sent == 0)
            break;
        *progress_out = true;
        full = (size_t)sent < own + (body_len - body_sent);
        step = (size_t)sent < own ? (size_t)sent : own;
        output->sent += step;
        body_sent += (size_t)sent - step;
    }
    if (output->sent == bytes->len)
        output->sent = bytes->len = 0;
    return body_sent < body_len
               ? en_buffer_append(bytes, (const char *)body + body_sent, body_len - body_sent)
               : 0;
}

void en_output_shrink(struct en_output *output)
{
    if (en_output_is_empty(output)) {
        output->sent = 0;
        en_buffer_clear(&output->bytes, KEEP_BYTES);
    }
}
