#include "state/relay/link.h"

#include "base/checked.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 65536u
#define KEPT_BYTES (1u << 20)
/* The parent tells best what went wrong by the deadline: it is given a moment to. */
#define GRACE_MS 100u
#define LOOK_AGAIN_MS 500u

/* --- the connection ----------------------------------------------------------------------------
 */

/* Passes one end of a new pair through the door. */
static int pass_door(int door, int *fd_out)
{
    int pair[2];
    char byte = 1;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    bool sent;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return ENOKI_EIO;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &pair[1], sizeof(int));
    sent = sendmsg(door, &message, MSG_NOSIGNAL) == 1;
    (void)close(pair[1]);
    if (!sent) {
        (void)close(pair[0]);
        return ENOKI_ECLOSED;
    }
    *fd_out = pair[0];
    return 0;
}

static int gone(struct enoki_error *err)
{
    return enoki_error_set(err, ENOKI_ECLOSED,
                           "the process that keeps the state has ended the connection: it is "
                           "stopping, or was killed");
}

static int late(struct enoki_error *err)
{
    return enoki_error_set(err, ENOKI_ETIMEOUT,
                           "the process that keeps the state did not answer in time");
}

int en_relay_link_init(struct en_relay_link *link, const char *where, struct enoki_error *err)
{
    socklen_t size = sizeof(int);
    uint64_t fd;
    int type = 0, rc = 0;

    *link = (struct en_relay_link){.fd = -1, .pid = getpid(), .next_call = 1};
    link->input.max = EN_RELAY_ANSWER_MAX_BYTES + EN_FRAME_HEAD_BYTES + READ_BYTES;
    link->output.max = EN_RELAY_REQUEST_MAX_BYTES + EN_FRAME_HEAD_BYTES;
    (void)pthread_mutex_init(&link->lock, NULL);

    if (!en_parse_u64(where, strlen(where), INT32_MAX, &fd) ||
        getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        return enoki_error_set(err, ENOKI_EINVAL, "'relay:%.20s': that is no socket", where);
    if (type == SOCK_SEQPACKET)
        rc = pass_door((int)fd, &link->fd);
    else
        link->fd = dup((int)fd);
    if (rc == ENOKI_ECLOSED)
        return gone(err);
    if (rc != 0 || link->fd < 0)
        return enoki_error_set(err, ENOKI_EIO, "cannot reach the process that keeps the state: %s",
                               strerror(errno));
    return 0;
}

void en_relay_link_fini(struct en_relay_link *link)
{
    if (link->fd >= 0)
        (void)close(link->fd);
    en_buffer_fini(&link->input);
    en_buffer_fini(&link->output);
    (void)pthread_mutex_destroy(&link->lock);
}

/* Waits for the socket; 0, ENOKI_ETIMEOUT. */
static int await(const struct en_relay_link *link, short events, uint64_t end_ms)
{
    struct pollfd wait = {.fd = link->fd, .events = events};

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

static int send_all(struct en_relay_link *link, uint64_t end_ms)
{
    size_t at = 0;
    int rc;

    while (at < link->output.len) {
        ssize_t written = send(link->fd, link->output.data + at, link->output.len - at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);

        if (written >= 0) {
            at += (size_t)written;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return ENOKI_ECLOSED;
        rc = await(link, POLLOUT, end_ms);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Reads until the frame of that call is in front; what belongs to calls that were given up goes. */
static int receive(struct en_relay_link *link, uint64_t call, uint64_t end_ms,
                   struct en_frame_head *head)
{
    for (;;) {
        ssize_t got;
        int rc;

        while (link->input.len >= EN_FRAME_HEAD_BYTES) {
            size_t whole;

            rc = en_frame_head_read(link->input.data, head);
            if (rc != 0 || head->len > EN_RELAY_ANSWER_MAX_BYTES)
                return ENOKI_EPROTO;
            whole = EN_FRAME_HEAD_BYTES + (size_t)head->len;
            if (link->input.len < whole)
                break;
            if (head->call == call)
                return 0;
            memmove(link->input.data, link->input.data + whole, link->input.len - whole);
            link->input.len -= whole;
        }
        rc = en_buffer_reserve(&link->input, READ_BYTES);
        if (rc != 0)
            return rc;
        /* Blocking in poll only: there is a time to keep. */
        rc = await(link, POLLIN, end_ms);
        if (rc != 0)
            return rc;
        got = recv(link->fd, link->input.data + link->input.len,
                   link->input.cap - link->input.len - 1, MSG_DONTWAIT);
        if (got > 0)
            link->input.len += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return ENOKI_ECLOSED;
    }
}

static void forget_answer(struct en_relay_link *link, const struct en_frame_head *head)
{
    size_t whole = EN_FRAME_HEAD_BYTES + (size_t)head->len;

    memmove(link->input.data, link->input.data + whole, link->input.len - whole);
    link->input.len -= whole;
    if (link->input.len == 0)
        en_buffer_clear(&link->input, KEPT_BYTES);
}

/* After this nothing that comes can be told apart. */
static void hang_up(struct en_relay_link *link)
{
    (void)shutdown(link->fd, SHUT_RDWR);
}

/* --- calls -------------------------------------------------------------------------------------
 */

/* False if another call has the link that long. */
static bool lock_until(struct en_relay_link *link, uint64_t end_ms)
{
    int rc = pthread_mutex_trylock(&link->lock);

    while (rc == EBUSY || rc == ETIMEDOUT) {
        uint64_t now = en_clock_ms();
        uint64_t ms = now >= end_ms                  ? 0
                      : end_ms - now < LOOK_AGAIN_MS ? end_ms - now
                                                     : LOOK_AGAIN_MS;
        struct timespec until;

        if (ms == 0)
            return false;
        /* The wall clock, because ThreadSanitizer does not know pthread_mutex_clocklock; a jump of
         * it only moves the moment of looking again. */
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(ms * 1000000);
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        rc = pthread_mutex_timedlock(&link->lock, &until);
    }
    return rc == 0;
}

void en_relay_begin(struct en_relay_call *call, struct en_relay_link *link, enum en_frame_type type,
                    uint64_t deadline_ms)
{
    uint64_t end = deadline_ms > UINT64_MAX - GRACE_MS ? UINT64_MAX : deadline_ms + GRACE_MS;
    uint64_t now;

    *call = (struct en_relay_call){.link = link, .end_ms = end};
    if (!lock_until(link, end)) {
        call->rc = ENOKI_ETIMEOUT;
        return;
    }
    now = en_clock_ms();
    call->has_link = true;
    call->id = link->next_call++;
    link->output.len = 0;
    call->rc = en_frame_begin(&link->output, type, call->id, &call->at);
    if (call->rc == 0 && type != EN_FRAME_HELLO)
        call->rc = en_frame_put_u64(&link->output, deadline_ms > now ? deadline_ms - now : 0);
}

void en_relay_put(struct en_relay_call *call, const void *bytes, size_t len)
{
    if (call->rc == 0)
        call->rc = en_frame_put_bytes(&call->link->output, bytes, len);
}

void en_relay_put_u8(struct en_relay_call *call, uint8_t value)
{
    if (call->rc == 0)
        call->rc = en_frame_put_u8(&call->link->output, value);
}

const char *en_relay_payload(const struct en_relay_call *call)
{
    return call->link->input.data + EN_FRAME_HEAD_BYTES;
}

int en_relay_ask(struct en_relay_call *call, enum en_frame_type wanted, struct enoki_error *err)
{
    struct en_relay_link *link = call->link;
    struct en_frame_head *head = &call->head;
    int rc = call->rc;

    if (rc == ENOKI_ETIMEOUT)
        return late(err);
    if (rc == 0)
        rc = en_frame_end(&link->output, call->at);
    if (rc != 0)
        return enoki_error_set(err, rc, "out of memory for a state call");
    rc = send_all(link, call->end_ms);
    if (rc == ENOKI_ETIMEOUT)
        hang_up(link); /* half a frame is on its way */
    if (rc == 0) {
        rc = receive(link, call->id, call->end_ms, head);
        call->is_lost = rc != 0;
    }
    if (rc == ENOKI_ETIMEOUT)
        return late(err);
    if (rc == ENOKI_EPROTO) {
        hang_up(link);
        return enoki_error_set(err, rc,
                               "the process that keeps the state answered with bytes that are no "
                               "answer");
    }
    if (rc == ENOKI_ENOMEM || rc == ENOKI_ELIMIT)
        return enoki_error_set(err, rc, "out of memory for an answer");
    if (rc != 0)
        return gone(err);
    call->has_answer = true;
    if (head->type == (uint8_t)wanted)
        return 0;
    rc = head->type == EN_FRAME_FAILED
             ? en_relay_failure(en_relay_payload(call), head->len, err)
             : enoki_error_set(err, ENOKI_EPROTO,
                               "the process that keeps the state answered "
                               "something else");
    return rc;
}

void en_relay_end(struct en_relay_call *call)
{
    if (!call->has_link)
        return;
    if (call->has_answer)
        forget_answer(call->link, &call->head);
    en_buffer_clear(&call->link->output, KEPT_BYTES);
    (void)pthread_mutex_unlock(&call->link->lock);
}
