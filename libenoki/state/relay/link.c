#include "state/relay/link.h"

#include "base/checked.h"
#include "base/clock.h"
#include "net/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The parent tells best what went wrong by the deadline: it is given a moment to. */
#define GRACE_MS 100u
#define LOOK_AGAIN_MS 500u

/* --- the connection ----------------------------------------------------------------------------
 */

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
    const char byte = 1;
    uint64_t fd;
    int type = 0, own = -1, rc = 0;

    *link = (struct en_relay_link){.pid = getpid(), .next_call = 1};
    en_exchange_init(&link->exchange, -1, EN_RELAY_ANSWER_MAX_BYTES,
                     EN_RELAY_REQUEST_MAX_BYTES + EN_FRAME_HEAD_BYTES);
    (void)pthread_mutex_init(&link->lock, NULL);

    if (!en_parse_u64(where, strlen(where), INT32_MAX, &fd) ||
        getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        return enoki_error_set(err, ENOKI_EINVAL, "'relay:%.20s': that is no socket", where);
    if (type == SOCK_SEQPACKET)
        rc = en_pass_new_stream((int)fd, &byte, 1, true, &own);
    else
        own = dup((int)fd);
    link->exchange.fd = own;
    if (rc == ENOKI_ECLOSED)
        return gone(err);
    if (rc != 0 || own < 0)
        return enoki_error_set(err, ENOKI_EIO, "cannot reach the process that keeps the state: %s",
                               strerror(errno));
    return 0;
}

void en_relay_link_fini(struct en_relay_link *link)
{
    en_exchange_fini(&link->exchange);
    (void)pthread_mutex_destroy(&link->lock);
}

/* Reads until the frame of that call is in front; what belongs to calls that were given up goes. */
static int receive(struct en_relay_link *link, uint64_t call, uint64_t end_ms,
                   struct en_frame_head *head)
{
    int rc = en_exchange_receive(&link->exchange, end_ms, head);

    while (rc == 0 && head->call != call) {
        en_exchange_drop(&link->exchange, head);
        rc = en_exchange_receive(&link->exchange, end_ms, head);
    }
    return rc;
}

/* After this nothing that comes can be told apart. */
static void hang_up(struct en_relay_link *link)
{
    (void)shutdown(link->exchange.fd, SHUT_RDWR);
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
    link->exchange.output.len = 0;
    call->rc = en_frame_begin(&link->exchange.output, type, call->id, &call->at);
    if (call->rc == 0 && type != EN_FRAME_HELLO)
        call->rc =
            en_frame_put_u64(&link->exchange.output, deadline_ms > now ? deadline_ms - now : 0);
}

void en_relay_put(struct en_relay_call *call, const void *bytes, size_t len)
{
    if (call->rc == 0)
        call->rc = en_frame_put_bytes(&call->link->exchange.output, bytes, len);
}

void en_relay_put_u8(struct en_relay_call *call, uint8_t value)
{
    if (call->rc == 0)
        call->rc = en_frame_put_u8(&call->link->exchange.output, value);
}

const char *en_relay_payload(const struct en_relay_call *call)
{
    return en_exchange_payload(&call->link->exchange);
}

int en_relay_ask(struct en_relay_call *call, enum en_frame_type wanted, struct enoki_error *err)
{
    struct en_relay_link *link = call->link;
    struct en_frame_head *head = &call->head;
    int rc = call->rc;

    if (rc == ENOKI_ETIMEOUT)
        return late(err);
    if (rc == 0)
        rc = en_frame_end(&link->exchange.output, call->at);
    if (rc != 0)
        return enoki_error_set(err, rc, "out of memory for a state call");
    rc = en_exchange_send(&link->exchange, call->end_ms);
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
        en_exchange_drop(&call->link->exchange, &call->head);
    en_exchange_clear_output(&call->link->exchange);
    (void)pthread_mutex_unlock(&call->link->lock);
}
