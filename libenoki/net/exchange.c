#include "net/exchange.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536u
#define KEPT_BYTES (1u << 20)

void en_exchange_init(struct en_exchange *exchange, int fd, size_t max_payload_bytes,
                      size_t max_output_bytes)
{
    *exchange = (struct en_exchange){
        .fd = fd,
        .max_payload_bytes = max_payload_bytes,
        .input = EN_BUFFER_INIT(max_payload_bytes + EN_FRAME_HEAD_BYTES + READ_BYTES),
        .output = EN_BUFFER_INIT(max_output_bytes),
    };
}

void en_exchange_fini(struct en_exchange *exchange)
{
    if (exchange->fd >= 0)
        (void)close(exchange->fd);
    exchange->fd = -1;
    en_buffer_fini(&exchange->input);
    en_buffer_fini(&exchange->output);
}

/* Waits for the socket; 0, ENOKI_ETIMEOUT. */
static int await(const struct en_exchange *exchange, short events, uint64_t end_ms)
{
    struct pollfd wait = {.fd = exchange->fd, .events = events};

    for (;;) {
        uint64_t now = en_clock_ms();
        int ready;

        if (now >= end_ms)
            return ENOKI_ETIMEOUT;
        ready = poll(&wait, 1, end_ms - now > INT32_MAX ? INT32_MAX : (int)(end_ms - now));
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return ENOKI_EIO;
    }
}

int en_exchange_send(struct en_exchange *exchange, uint64_t end_ms)
{
    size_t at = 0;
    int rc;

    while (at < exchange->output.len) {
        ssize_t written = send(exchange->fd, exchange->output.data + at, exchange->output.len - at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);

        if (written >= 0) {
            at += (size_t)written;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return ENOKI_ECLOSED;
        rc = await(exchange, POLLOUT, end_ms);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* True if a whole frame is in front, or *rc_out says what is wrong with it. */
static bool is_there(const struct en_exchange *exchange, struct en_frame_head *head, int *rc_out)
{
    *rc_out = 0;
    if (exchange->input.len < EN_FRAME_HEAD_BYTES)
        return false;
    if (en_frame_head_read(exchange->input.data, head) != 0 ||
        head->len > exchange->max_payload_bytes)
        *rc_out = ENOKI_EPROTO;
    return *rc_out != 0 || exchange->input.len >= EN_FRAME_HEAD_BYTES + (size_t)head->len;
}

int en_exchange_receive(struct en_exchange *exchange, uint64_t end_ms, struct en_frame_head *head)
{
    struct en_buffer *input = &exchange->input;
    int rc;

    while (!is_there(exchange, head, &rc)) {
        ssize_t got;

        rc = en_buffer_reserve(input, READ_BYTES);
        /* Blocking in poll only: there is a time to keep. */
        if (rc == 0 && end_ms > 0)
            rc = await(exchange, POLLIN, end_ms);
        if (rc != 0)
            return rc;
        got =
            recv(exchange->fd, input->data + input->len, input->cap - input->len - 1, MSG_DONTWAIT);
        if (got > 0)
            input->len += (size_t)got;
        else if (got < 0 && errno == EAGAIN && end_ms == 0)
            return ENOKI_ETIMEOUT;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return ENOKI_ECLOSED;
    }
    return rc;
}

const char *en_exchange_payload(const struct en_exchange *exchange)
{
    return exchange->input.data + EN_FRAME_HEAD_BYTES;
}

void en_exchange_drop(struct en_exchange *exchange, const struct en_frame_head *head)
{
    struct en_buffer *input = &exchange->input;
    size_t whole = EN_FRAME_HEAD_BYTES + (size_t)head->len;

    memmove(input->data, input->data + whole, input->len - whole);
    input->len -= whole;
    if (input->len == 0)
        en_buffer_clear(input, KEPT_BYTES);
}

void en_exchange_clear_output(struct en_exchange *exchange)
{
    en_buffer_clear(&exchange->output, KEPT_BYTES);
}
