#include "state/relay/reads.h"

#include "state/relay/calls.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of one connection at the same time. */
#define TOGETHER_MAX 32u
#define KEPT_BYTES (1u << 20)
/* A worker that does not read its answer has this long. */
#define WRITE_TIMEOUT_MS 5000u

/* Those that came together. */
struct group {
    int fd;
    pthread_mutex_t writing; /* of whole answers */
    /* Protected by the lock of all reads: */
    pthread_cond_t ended;
    size_t open;
    int rc;
};

struct en_relay_read {
    struct en_relay_read *next;
    struct group *group;
    struct en_frame_head head;
    const char *payload;
};

/* --- one call --------------------------------------------------------------------------------- */

bool en_relay_write(int fd, struct en_buffer *out)
{
    uint64_t end = en_clock_ms() + WRITE_TIMEOUT_MS;
    size_t at = 0;

    while (at < out->len) {
        uint64_t now = en_clock_ms();
        ssize_t written = send(fd, out->data + at, out->len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        struct pollfd wait = {.fd = fd, .events = POLLOUT};

        if (written >= 0)
            at += (size_t)written;
        else if (errno == EAGAIN && (now >= end || poll(&wait, 1, (int)(end - now)) == 0))
            return false;
        else if (errno != EAGAIN && errno != EINTR)
            return false;
    }
    en_buffer_clear(out, KEPT_BYTES);
    return true;
}

static int tell_too_long(struct en_buffer *out, uint64_t call)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    out->len = 0;
    (void)enoki_error_set(&err, ENOKI_ELIMIT, "an answer is above %u bytes: ask for fewer items",
                          EN_RELAY_ANSWER_MAX_BYTES);
    return en_relay_fail(out, call, &err);
}

int en_relay_answer(struct enoki_state *state, const struct en_frame_head *head,
                    const void *payload, struct en_buffer *out)
{
    int rc = en_relay_run(state, head, payload, out);

    return rc == ENOKI_ELIMIT || rc == ENOKI_ENOMEM ? tell_too_long(out, head->call) : rc;
}

/* --- several ---------------------------------------------------------------------------------- */

int en_relay_reads_init(struct en_relay_reads *reads)
{
    *reads = (struct en_relay_reads){.ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK |
                                                             EFD_SEMAPHORE)};
    (void)pthread_mutex_init(&reads->lock, NULL);
    return reads->ready < 0 ? ENOKI_EIO : 0;
}

void en_relay_reads_fini(struct en_relay_reads *reads)
{
    if (reads->ready >= 0)
        (void)close(reads->ready);
    (void)pthread_mutex_destroy(&reads->lock);
}

size_t en_relay_reads_count(const char *bytes, size_t len, size_t *len_out)
{
    struct en_frame_head head;
    size_t count = 0, at = 0;

    while (count < TOGETHER_MAX && len - at >= EN_FRAME_HEAD_BYTES &&
           en_frame_head_read(bytes + at, &head) == 0 && head.type >= EN_FRAME_READ &&
           head.type <= EN_FRAME_KEYS && len - at - EN_FRAME_HEAD_BYTES >= head.len) {
        at += EN_FRAME_HEAD_BYTES + head.len;
        count++;
    }
    *len_out = at;
    return count;
}

static int answer(const struct en_relay_read *read, struct enoki_state *state)
{
    struct en_buffer out = EN_BUFFER_INIT(EN_RELAY_ANSWER_MAX_BYTES + EN_FRAME_HEAD_BYTES);
    struct group *group = read->group;
    int rc = en_relay_answer(state, &read->head, read->payload, &out);

    (void)pthread_mutex_lock(&group->writing);
    if (rc == 0 && !en_relay_write(group->fd, &out))
        rc = ENOKI_ECLOSED;
    (void)pthread_mutex_unlock(&group->writing);
    en_buffer_fini(&out);
    return rc;
}

/* Its group, and with it the read, may be gone when this returns. */
static void run(struct en_relay_reads *reads, const struct en_relay_read *read,
                struct enoki_state *state)
{
    struct group *group = read->group;
    int rc = answer(read, state);

    (void)pthread_mutex_lock(&reads->lock);
    if (rc != 0)
        group->rc = rc;
    if (--group->open == 0)
        (void)pthread_cond_signal(&group->ended);
    (void)pthread_mutex_unlock(&reads->lock);
}

/* One that waits, of this group; NULL: of any. */
static const struct en_relay_read *take(struct en_relay_reads *reads, const struct group *group)
{
    struct en_relay_read **at = &reads->first, *found;

    (void)pthread_mutex_lock(&reads->lock);
    while (*at != NULL && group != NULL && (*at)->group != group)
        at = &(*at)->next;
    found = *at;
    if (found != NULL)
        *at = found->next;
    (void)pthread_mutex_unlock(&reads->lock);
    return found;
}

void en_relay_reads_help(struct en_relay_reads *reads, struct enoki_state *state)
{
    const struct en_relay_read *read_here;
    uint64_t one;

    if (read(reads->ready, &one, sizeof(one)) != (ssize_t)sizeof(one))
        return;
    read_here = take(reads, NULL);
    if (read_here != NULL)
        run(reads, read_here, state);
}

/* All but the first, which is this thread's. */
static void offer(struct en_relay_reads *reads, struct en_relay_read *all, size_t count)
{
    uint64_t others = count - 1;

    (void)pthread_mutex_lock(&reads->lock);
    for (size_t i = 1; i < count; i++) {
        all[i].next = reads->first;
        reads->first = &all[i];
    }
    (void)pthread_mutex_unlock(&reads->lock);
    /* What it does not wake is done here. */
    (void)!write(reads->ready, &others, sizeof(others));
}

int en_relay_reads_run(struct en_relay_reads *reads, struct enoki_state *state, int fd,
                       const char *bytes, size_t count)
{
    struct en_relay_read all[TOGETHER_MAX];
    struct group group = {.fd = fd, .open = count};
    const struct en_relay_read *next = all;

    for (size_t i = 0; i < count; i++) {
        all[i] = (struct en_relay_read){.group = &group, .payload = bytes + EN_FRAME_HEAD_BYTES};
        (void)!en_frame_head_read(bytes, &all[i].head); /* it was read before */
        bytes += EN_FRAME_HEAD_BYTES + all[i].head.len;
    }
    (void)pthread_mutex_init(&group.writing, NULL);
    (void)pthread_cond_init(&group.ended, NULL);
    offer(reads, all, count);
    for (; next != NULL; next = take(reads, &group))
        run(reads, next, state);
    (void)pthread_mutex_lock(&reads->lock);
    while (group.open > 0)
        (void)pthread_cond_wait(&group.ended, &reads->lock);
    (void)pthread_mutex_unlock(&reads->lock);
    (void)pthread_cond_destroy(&group.ended);
    (void)pthread_mutex_destroy(&group.writing);
    return group.rc;
}
