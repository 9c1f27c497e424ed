#include "invoke/output.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#define KEEP_BYTES 65536u

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
        sent = send_once(fd, parts, count);
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
