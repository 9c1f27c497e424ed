#include "state/relay/calls.h"
#include "state/relay/reads.h"
#include "state/relay/relay.h"

#include "net/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS_DEFAULT 64u
#define READ_BYTES 65536u
#define KEPT_BYTES (1u << 20)
/* A thread that could not open the state tries again after this. */
#define OPEN_AGAIN_MS 1000

struct connection {
    struct connection *next;
    struct connection *previous;
    int fd;
    bool is_greeted;
    struct en_buffer input;
    struct en_buffer output;
};

struct en_relay {
    struct en_relay_options options;
    int set;
    int ending;           /* readable for ever once it ends */
    pthread_mutex_t lock; /* of what follows */
    struct connection *connections;
    pthread_t *threads;
    uint32_t thread_count;
    uint32_t waiting; /* of them */
    bool is_ending;
    struct en_relay_reads reads;
};

/* What the set's data says that is no connection. */
static char door_mark, ending_mark, reads_mark;

int en_relay_door(int ends[2], struct enoki_error *err)
{
    if (en_pass_pair(ends) == 0)
        return 0;
    return enoki_error_set(err, ENOKI_EIO, "cannot make a socket pair: %s", strerror(errno));
}

/* --- connections -------------------------------------------------------------------------------
 */

static void drop(struct en_relay *relay, struct connection *connection)
{
    (void)pthread_mutex_lock(&relay->lock);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        relay->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    (void)pthread_mutex_unlock(&relay->lock);
    (void)epoll_ctl(relay->set, EPOLL_CTL_DEL, connection->fd, NULL);
    (void)close(connection->fd);
    en_buffer_fini(&connection->input);
    en_buffer_fini(&connection->output);
    free(connection);
}

/* To whichever thread its next bytes wake. That one takes the lock first, so it sees all that was
 * done here. */
static bool hand_on(struct en_relay *relay, int operation, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
                                .data.ptr = connection};
    bool is_done;

    (void)pthread_mutex_lock(&relay->lock);
    is_done = epoll_ctl(relay->set, operation, connection->fd, &event) == 0;
    (void)pthread_mutex_unlock(&relay->lock);
    return is_done;
}

static int add(struct en_relay *relay, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return ENOKI_ENOMEM;
    connection->fd = fd;
    connection->input.max = EN_RELAY_REQUEST_MAX_BYTES + EN_FRAME_HEAD_BYTES + READ_BYTES;
    connection->output.max = EN_RELAY_ANSWER_MAX_BYTES + EN_FRAME_HEAD_BYTES;
    (void)pthread_mutex_lock(&relay->lock);
    connection->next = relay->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    relay->connections = connection;
    (void)pthread_mutex_unlock(&relay->lock);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && hand_on(relay, EPOLL_CTL_ADD, connection))
        return 0;
    drop(relay, connection);
    return ENOKI_EIO;
}

/* Takes the ends that workers pass through the door. */
static void open_door(struct en_relay *relay)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &door_mark};
    struct pollfd end = {.fd = relay->options.door};
    char byte;
    int fd, got = en_pass_receive(relay->options.door, &byte, 1, &fd);

    if (fd >= 0 && add(relay, fd) == ENOKI_ENOMEM)
        (void)close(fd);
    /* No worker is left, and none comes: the end of the other side is not worth waiting for. */
    if (got <= 0 && poll(&end, 1, 0) == 1)
        return;
    (void)epoll_ctl(relay->set, EPOLL_CTL_MOD, relay->options.door, &event);
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* 1: something came; 0: nothing; negative: the end. */
static int read_in(struct connection *connection)
{
    ssize_t got;

    if (en_buffer_reserve(&connection->input, READ_BYTES) != 0)
        return -1;
    got = recv(connection->fd, connection->input.data + connection->input.len, READ_BYTES,
               MSG_DONTWAIT);
    if (got > 0) {
        connection->input.len += (size_t)got;
        return 1;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* --- frames ------------------------------------------------------------------------------------
 */

static int welcome(struct enoki_state *state, struct connection *connection, uint64_t call,
                   const void *payload, size_t len)
{
    struct en_frame_reader reader = {payload, len, false};
    struct enoki_error err = ENOKI_ERROR_INIT;
    const char *keygroup = enoki_state_keygroup(state);
    uint32_t magic = en_frame_take_u32(&reader);
    uint16_t lowest = en_frame_take_u16(&reader);
    uint16_t highest = en_frame_take_u16(&reader);
    size_t at;
    int rc;

    if (connection->is_greeted || !en_frame_is_at_end(&reader) ||
        memcmp(&magic, EN_FRAME_MAGIC, sizeof(magic)) != 0)
        return ENOKI_EPROTO;
    if (lowest > EN_FRAME_VERSION || highest < EN_FRAME_VERSION) {
        (void)enoki_error_set(&err, ENOKI_EPROTO,
                              "frames of version %u to %u are not spoken here, only %u", lowest,
                              highest, EN_FRAME_VERSION);
        if (en_relay_fail(&connection->output, call, &err) == 0)
            (void)!en_relay_write(connection->fd, &connection->output);
        return ENOKI_ECLOSED;
    }
    connection->is_greeted = true;
    rc = en_frame_begin(&connection->output, EN_FRAME_WELCOME, call, &at);
    if (rc == 0)
        rc = en_frame_put_u16(&connection->output, EN_FRAME_VERSION);
    if (rc == 0)
        rc = en_frame_put_u8(&connection->output, (uint8_t)enoki_state_kind(state));
    if (rc == 0)
        rc = en_frame_put_u64(&connection->output, enoki_state_max_value(state));
    if (rc == 0)
        rc = en_frame_put_bytes(&connection->output, keygroup, strlen(keygroup));
    return rc == 0 ? en_frame_end(&connection->output, at) : rc;
}

static int run_frame(struct enoki_state *state, struct connection *connection,
                     const struct en_frame_head *head, const char *payload)
{
    int rc = ENOKI_EPROTO;

    if (head->type == EN_FRAME_HELLO)
        rc = welcome(state, connection, head->call, payload, head->len);
    else if (connection->is_greeted)
        rc = en_relay_answer(state, head, payload, &connection->output);
    if (rc == 0 && !en_relay_write(connection->fd, &connection->output))
        rc = ENOKI_ECLOSED;
    return rc;
}

/* Runs the complete frames that are there. */
static int run_frames(struct en_relay *relay, struct enoki_state *state,
                      struct connection *connection)
{
    /* Where nobody is waited for, other threads would cost more than they save. */
    bool is_far = connection->is_greeted && !en_state_is_local(state);
    size_t at = 0, len, reads;
    int rc = 0;

    while (rc == 0 && connection->input.len - at >= EN_FRAME_HEAD_BYTES) {
        const char *bytes = connection->input.data + at;
        struct en_frame_head head;

        reads = is_far ? en_relay_reads_count(bytes, connection->input.len - at, &len) : 0;
        if (reads > 1) {
            rc = en_relay_reads_run(&relay->reads, state, connection->fd, bytes, reads);
            at += len;
            continue;
        }
        rc = en_frame_head_read(bytes, &head);
        if (rc == 0 && head.len > EN_RELAY_REQUEST_MAX_BYTES)
            rc = ENOKI_EPROTO;
        if (rc != 0 || connection->input.len - at - EN_FRAME_HEAD_BYTES < head.len)
            break;
        rc = run_frame(state, connection, &head, bytes + EN_FRAME_HEAD_BYTES);
        at += EN_FRAME_HEAD_BYTES + head.len;
    }
    if (at > 0) {
        memmove(connection->input.data, connection->input.data + at, connection->input.len - at);
        connection->input.len -= at;
        if (connection->input.len == 0)
            en_buffer_clear(&connection->input, KEPT_BYTES);
    }
    return rc;
}

static void serve(struct en_relay *relay, struct enoki_state *state, struct connection *connection)
{
    int got, rc = 0;

    /* Until nothing more is there: half a frame waits in the buffer, not in a thread. */
    do {
        got = read_in(connection);
        if (got > 0)
            rc = run_frames(relay, state, connection);
    } while (got > 0 && rc == 0 && connection->input.len > 0);
    if (rc == ENOKI_EPROTO)
        en_notify(&relay->options.notify, EN_NOTIFY_WARN,
                  "a worker sent bytes to the state relay that are no call: its connection is "
                  "closed");
    if (got < 0 || rc != 0 || !hand_on(relay, EPOLL_CTL_MOD, connection))
        drop(relay, connection);
}

/* --- threads -----------------------------------------------------------------------------------
 */

static void *work(void *context);

/* With the lock. One more thread than calls are running, so that none waits for another's call. */
static void start_thread(struct en_relay *relay)
{
    if (relay->waiting > 0 || relay->is_ending || relay->thread_count == relay->options.threads_max)
        return;
    if (pthread_create(&relay->threads[relay->thread_count], NULL, work, relay) == 0) {
        relay->thread_count++;
        relay->waiting++;
    }
}

/* NULL if the relay ends first. A thread that gave up would be missed for ever: none takes its
 * place. */
static struct enoki_state *open_state(struct en_relay *relay)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct pollfd ending = {.fd = relay->ending, .events = POLLIN};
    struct enoki_state *state = NULL;

    while (relay->options.open(relay->options.context, &state, &err) != 0) {
        en_notify(&relay->options.notify, EN_NOTIFY_ERROR,
                  "a relay thread cannot open the state and will try again: %s", err.message);
        if (poll(&ending, 1, OPEN_AGAIN_MS) != 0)
            return NULL;
    }
    return state;
}

static void *work(void *context)
{
    struct en_relay *relay = context;
    struct enoki_state *state = open_state(relay);
    bool is_ending = state == NULL;

    while (!is_ending) {
        struct epoll_event event;
        int count = epoll_wait(relay->set, &event, 1, -1);

        if (count < 1)
            continue;
        (void)pthread_mutex_lock(&relay->lock);
        is_ending = relay->is_ending;
        relay->waiting--;
        if (!is_ending && event.data.ptr != &door_mark)
            start_thread(relay);
        (void)pthread_mutex_unlock(&relay->lock);
        if (!is_ending && event.data.ptr == &door_mark)
            open_door(relay);
        else if (!is_ending && event.data.ptr == &reads_mark)
            en_relay_reads_help(&relay->reads, state);
        else if (!is_ending && event.data.ptr != &ending_mark)
            serve(relay, state, event.data.ptr);
        (void)pthread_mutex_lock(&relay->lock);
        relay->waiting++;
        (void)pthread_mutex_unlock(&relay->lock);
    }
    enoki_state_free(state);
    return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int watch(const struct en_relay *relay, int fd, uint32_t events, void *mark)
{
    struct epoll_event event = {.events = events, .data.ptr = mark};

    return epoll_ctl(relay->set, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : ENOKI_EIO;
}

int en_relay_start(struct en_relay **out, const struct en_relay_options *options,
                   struct enoki_error *err)
{
    struct en_relay *relay = calloc(1, sizeof(*relay));
    struct enoki_state *state = NULL;
    int rc;

    if (relay == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the state relay");
    relay->options = *options;
    if (relay->options.threads_max == 0)
        relay->options.threads_max = THREADS_DEFAULT;
    (void)pthread_mutex_init(&relay->lock, NULL);
    relay->set = epoll_create1(EPOLL_CLOEXEC);
    relay->ending = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    relay->threads = calloc(relay->options.threads_max, sizeof(*relay->threads));
    if (en_relay_reads_init(&relay->reads) != 0 || relay->set < 0 || relay->ending < 0 ||
        relay->threads == NULL ||
        watch(relay, relay->reads.ready, EPOLLIN, &reads_mark) != 0 ||
        watch(relay, options->door, EPOLLIN | EPOLLONESHOT, &door_mark) != 0 ||
        watch(relay, relay->ending, EPOLLIN, &ending_mark) != 0) {
        rc = enoki_error_set(err, ENOKI_EIO, "the state relay cannot start: %s", strerror(errno));
        goto out;
    }
    /* What the threads will not be able to either is told now. */
    rc = options->open(options->context, &state, err);
    if (rc == 0) {
        (void)pthread_mutex_lock(&relay->lock);
        start_thread(relay);
        if (relay->thread_count == 0)
            rc = enoki_error_set(err, ENOKI_EIO, "the state relay cannot start a thread");
        (void)pthread_mutex_unlock(&relay->lock);
    }
    enoki_state_free(state);
out:
    if (rc == 0)
        *out = relay;
    else
        en_relay_stop(relay);
    return rc;
}

void en_relay_stop(struct en_relay *relay)
{
    const uint64_t one = 1;
    uint32_t count;

    if (relay == NULL)
        return;
    (void)pthread_mutex_lock(&relay->lock);
    relay->is_ending = true;
    count = relay->thread_count;
    (void)pthread_mutex_unlock(&relay->lock);
    if (count > 0 && write(relay->ending, &one, sizeof(one)) != (ssize_t)sizeof(one))
        count = 0; /* cannot happen: the counter is far from its end */
    for (uint32_t i = 0; i < count; i++)
        (void)pthread_join(relay->threads[i], NULL);
    while (relay->connections != NULL)
        drop(relay, relay->connections);
    if (relay->set >= 0)
        (void)close(relay->set);
    if (relay->ending >= 0)
        (void)close(relay->ending);
    free(relay->threads);
    en_relay_reads_fini(&relay->reads);
    (void)pthread_mutex_destroy(&relay->lock);
    free(relay);
}
