#include "state/relay/relay.h"

#include "base/checked.h"
#include "base/clock.h"
#include "state/items.h"
#include "state/relay/calls.h"
#include "state/uri.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536u
#define KEPT_BYTES (1u << 20)
#define HELLO_TIMEOUT_MS 20000u
/* The parent tells best what went wrong by the deadline: it is given a moment to. */
#define GRACE_MS 100u

struct client {
    int fd;
    pid_t pid;
    pthread_mutex_t lock; /* one call at a time: a worker runs one */
    uint64_t next_call;
    struct en_buffer input;
    struct en_buffer output;
};

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

/* Waits for the socket; 0, ENOKI_ETIMEOUT. */
static int await(const struct client *client, short events, uint64_t end_ms)
{
    struct pollfd wait = {.fd = client->fd, .events = events};

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

static int send_all(struct client *client, uint64_t end_ms)
{
    size_t at = 0;
    int rc;

    while (at < client->output.len) {
        ssize_t written = send(client->fd, client->output.data + at, client->output.len - at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);

        if (written >= 0) {
            at += (size_t)written;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return ENOKI_ECLOSED;
        rc = await(client, POLLOUT, end_ms);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Reads until the frame of that call is in front; what belongs to calls that were given up goes. */
static int receive(struct client *client, uint64_t call, uint64_t end_ms,
                   struct en_frame_head *head)
{
    for (;;) {
        ssize_t got;
        int rc;

        while (client->input.len >= EN_FRAME_HEAD_BYTES) {
            size_t whole;

            rc = en_frame_head_read(client->input.data, head);
            if (rc != 0 || head->len > EN_RELAY_ANSWER_MAX_BYTES)
                return ENOKI_EPROTO;
            whole = EN_FRAME_HEAD_BYTES + (size_t)head->len;
            if (client->input.len < whole)
                break;
            if (head->call == call)
                return 0;
            memmove(client->input.data, client->input.data + whole, client->input.len - whole);
            client->input.len -= whole;
        }
        rc = en_buffer_reserve(&client->input, READ_BYTES);
        if (rc != 0)
            return rc;
        /* Blocking in poll only: there is a time to keep. */
        rc = await(client, POLLIN, end_ms);
        if (rc != 0)
            return rc;
        got = recv(client->fd, client->input.data + client->input.len,
                   client->input.cap - client->input.len - 1, MSG_DONTWAIT);
        if (got > 0)
            client->input.len += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return ENOKI_ECLOSED;
    }
}

static void forget_answer(struct client *client, const struct en_frame_head *head)
{
    size_t whole = EN_FRAME_HEAD_BYTES + (size_t)head->len;

    memmove(client->input.data, client->input.data + whole, client->input.len - whole);
    client->input.len -= whole;
    if (client->input.len == 0)
        en_buffer_clear(&client->input, KEPT_BYTES);
}

/* After this nothing that comes can be told apart. */
static void hang_up(struct client *client)
{
    (void)shutdown(client->fd, SHUT_RDWR);
}

/* --- calls -------------------------------------------------------------------------------------
 */

/* One call while it goes on; begin() and end() hold the lock. */
struct call {
    struct client *client;
    size_t at;
    uint64_t id;
    uint64_t end_ms;
    int rc;
};

static void begin(struct call *call, struct client *client, enum en_frame_type type,
                  uint64_t deadline_ms)
{
    uint64_t now = en_clock_ms();

    (void)pthread_mutex_lock(&client->lock);
    call->client = client;
    call->id = client->next_call++;
    call->end_ms = deadline_ms > UINT64_MAX - GRACE_MS ? UINT64_MAX : deadline_ms + GRACE_MS;
    client->output.len = 0;
    call->rc = en_frame_begin(&client->output, type, call->id, &call->at);
    if (call->rc == 0 && type != EN_FRAME_HELLO)
        call->rc = en_frame_put_u64(&client->output, deadline_ms > now ? deadline_ms - now : 0);
}

static void put(struct call *call, const void *bytes, size_t len)
{
    if (call->rc == 0)
        call->rc = en_frame_put_bytes(&call->client->output, bytes, len);
}

static void put_u8(struct call *call, uint8_t value)
{
    if (call->rc == 0)
        call->rc = en_frame_put_u8(&call->client->output, value);
}

/* Sends, and waits for the answer: its payload is borrowed until end(). */
static int ask(struct call *call, enum en_frame_type wanted, struct en_frame_head *head,
               struct enoki_error *err)
{
    struct client *client = call->client;
    const char *payload;
    int rc = call->rc;

    if (rc == 0)
        rc = en_frame_end(&client->output, call->at);
    if (rc != 0)
        return enoki_error_set(err, rc, "out of memory for a state call");
    rc = send_all(client, call->end_ms);
    if (rc == ENOKI_ETIMEOUT)
        hang_up(client); /* half a frame is on its way */
    if (rc == 0)
        rc = receive(client, call->id, call->end_ms, head);
    if (rc == ENOKI_ETIMEOUT)
        return late(err);
    if (rc == ENOKI_EPROTO)
        hang_up(client);
    if (rc == ENOKI_ENOMEM || rc == ENOKI_ELIMIT)
        return enoki_error_set(err, rc, "out of memory for an answer");
    if (rc != 0)
        return gone(err);
    payload = client->input.data + EN_FRAME_HEAD_BYTES;
    if (head->type == (uint8_t)wanted)
        return 0;
    rc = head->type == EN_FRAME_FAILED
             ? en_relay_failure(payload, head->len, err)
             : enoki_error_set(err, ENOKI_EPROTO,
                               "the process that keeps the state answered "
                               "something else");
    forget_answer(client, head);
    return rc;
}

static const char *payload_of(const struct call *call)
{
    return call->client->input.data + EN_FRAME_HEAD_BYTES;
}

static void end(struct call *call)
{
    en_buffer_clear(&call->client->output, KEPT_BYTES);
    (void)pthread_mutex_unlock(&call->client->lock);
}

/* A write that was sent and not answered may have been done. */
static int write_result(int rc, bool expects, struct enoki_error *err)
{
    struct enoki_error why;

    if (rc != ENOKI_ECLOSED && !(rc == ENOKI_ETIMEOUT && expects))
        return rc;
    if (err == NULL)
        return ENOKI_EUNCERTAIN;
    why = *err;
    return enoki_error_set(err, ENOKI_EUNCERTAIN, "%.300s; the write may or may not have been done",
                           why.message);
}

static int check_process(const struct client *client, struct enoki_error *err)
{
    if (client->pid == getpid())
        return 0;
    return enoki_error_set(err, ENOKI_ECLOSED,
                           "the state was opened by the parent process: open it after the fork");
}

static int take_items(struct call *call, const struct en_frame_head *head, struct enoki_items **out,
                      struct enoki_error *err)
{
    int rc = en_relay_items(payload_of(call), head->len, out);

    forget_answer(call->client, head);
    return rc == 0 ? 0
                   : enoki_error_set(err, rc, "items from the process that keeps the state: %s",
                                     enoki_error_text(rc));
}

static int relay_read(void *self, uint64_t deadline_ms, const char *id, struct enoki_items **out,
                      struct enoki_error *err)
{
    struct client *client = self;
    struct en_frame_head head;
    struct call call;
    int rc = check_process(client, err);

    if (rc != 0)
        return rc;
    begin(&call, client, EN_FRAME_READ, deadline_ms);
    put(&call, id, strlen(id));
    rc = ask(&call, EN_FRAME_ITEMS, &head, err);
    if (rc == 0)
        rc = take_items(&call, &head, out, err);
    end(&call);
    return rc;
}

static int relay_scan(void *self, uint64_t deadline_ms, const char *start, uint64_t count,
                      bool with_values, struct enoki_items **out, struct enoki_error *err)
{
    struct client *client = self;
    struct en_frame_head head;
    struct call call;
    int rc = check_process(client, err);

    if (rc != 0)
        return rc;
    begin(&call, client, with_values ? EN_FRAME_SCAN : EN_FRAME_KEYS, deadline_ms);
    put_u8(&call, start != NULL);
    put(&call, start != NULL ? start : "", start != NULL ? strlen(start) : 0);
    if (call.rc == 0)
        call.rc = en_frame_put_u64(&client->output, count);
    rc = ask(&call, EN_FRAME_ITEMS, &head, err);
    if (rc == 0)
        rc = take_items(&call, &head, out, err);
    end(&call);
    return rc;
}

static void put_expectation(struct call *call, const struct en_backend_write *write)
{
    const struct enoki_items *items = write->expect == NULL ? NULL : write->expect->items;
    uint32_t count = 0;

    put_u8(call, write->expect != NULL);
    if (write->expect == NULL)
        return;
    for (size_t i = 0; i < enoki_items_count(items); i++)
        count += strcmp(enoki_items_id(items, i), write->id) == 0 ? 1 : 0;
    if (call->rc == 0)
        call->rc = en_frame_put_u32(&call->client->output, count);
    for (size_t i = 0; i < enoki_items_count(items); i++) {
        const struct en_version_view view = en_version_view(enoki_items_version(items, i));

        if (strcmp(enoki_items_id(items, i), write->id) == 0)
            put(call, view.bytes, view.len);
    }
}

static int relay_write(void *self, uint64_t deadline_ms, const struct en_backend_write *write,
                       struct enoki_error *err)
{
    struct client *client = self;
    struct en_frame_head head;
    struct call call;
    int rc = check_process(client, err);

    if (rc != 0)
        return rc;
    begin(&call, client, write->value == NULL ? EN_FRAME_REMOVE : EN_FRAME_UPDATE, deadline_ms);
    put(&call, write->id, strlen(write->id));
    put_expectation(&call, write);
    if (write->value != NULL)
        put(&call, write->value, write->value_len);
    rc = ask(&call, EN_FRAME_DONE, &head, err);
    if (rc == 0)
        forget_answer(client, &head);
    end(&call);
    return write_result(rc, write->expect != NULL, err);
}

static int relay_append(void *self, uint64_t deadline_ms, const void *value, size_t value_len,
                        char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err)
{
    struct client *client = self;
    struct en_frame_reader reader;
    struct en_frame_head head;
    struct call call;
    const char *id;
    size_t len;
    int rc = check_process(client, err);

    if (rc != 0)
        return rc;
    begin(&call, client, EN_FRAME_APPEND, deadline_ms);
    put(&call, value, value_len);
    rc = ask(&call, EN_FRAME_APPENDED, &head, err);
    if (rc == 0) {
        reader =
            (struct en_frame_reader){(const unsigned char *)payload_of(&call), head.len, false};
        id = en_frame_take_bytes(&reader, &len);
        if (!en_frame_is_at_end(&reader) || len >= ENOKI_APPEND_ID_BYTES) {
            rc = enoki_error_set(err, ENOKI_EPROTO, "an id of %zu bytes was appended", len);
        } else {
            memcpy(id_out, id, len);
            id_out[len] = '\0';
        }
        forget_answer(client, &head);
    }
    end(&call);
    return write_result(rc, false, err);
}

static int relay_import(void *self, uint64_t deadline_ms, const char *id,
                        const struct enoki_version *version, const void *value, size_t value_len,
                        struct enoki_error *err)
{
    (void)self;
    (void)deadline_ms;
    (void)version;
    (void)value;
    (void)value_len;
    return enoki_error_set(err, ENOKI_EINVAL, "item '%.100s' cannot be imported by a worker", id);
}

/* --- life --------------------------------------------------------------------------------------
 */

static void relay_close(void *self)
{
    struct client *client = self;

    if (client == NULL)
        return;
    if (client->fd >= 0)
        (void)close(client->fd);
    en_buffer_fini(&client->input);
    en_buffer_fini(&client->output);
    (void)pthread_mutex_destroy(&client->lock);
    free(client);
}

static int connect_to(struct client *client, const char *where, struct enoki_error *err)
{
    socklen_t size = sizeof(int);
    uint64_t fd;
    int type = 0, rc = 0;

    if (!en_parse_u64(where, strlen(where), INT32_MAX, &fd) ||
        getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        return enoki_error_set(err, ENOKI_EINVAL, "'relay:%.20s': that is no socket", where);
    if (type == SOCK_SEQPACKET)
        rc = pass_door((int)fd, &client->fd);
    else
        client->fd = dup((int)fd);
    if (rc == ENOKI_ECLOSED)
        return gone(err);
    if (rc != 0 || client->fd < 0)
        return enoki_error_set(err, ENOKI_EIO, "cannot reach the process that keeps the state: %s",
                               strerror(errno));
    return 0;
}

static int greet(struct client *client, const struct en_backend_settings *settings,
                 enum enoki_keygroup_kind *kind_out, struct enoki_error *err)
{
    struct en_frame_reader reader;
    struct en_frame_head head;
    struct call call;
    const char *keygroup;
    uint16_t version;
    size_t len;
    int rc;

    begin(&call, client, EN_FRAME_HELLO, en_clock_ms() + HELLO_TIMEOUT_MS);
    if (call.rc == 0)
        call.rc = en_buffer_append(&client->output, EN_FRAME_MAGIC, 4);
    if (call.rc == 0)
        call.rc = en_frame_put_u16(&client->output, EN_FRAME_VERSION);
    if (call.rc == 0)
        call.rc = en_frame_put_u16(&client->output, EN_FRAME_VERSION);
    rc = ask(&call, EN_FRAME_WELCOME, &head, err);
    if (rc == 0) {
        reader =
            (struct en_frame_reader){(const unsigned char *)payload_of(&call), head.len, false};
        version = en_frame_take_u16(&reader);
        *kind_out = (enum enoki_keygroup_kind)en_frame_take_u8(&reader);
        (void)en_frame_take_u64(&reader);
        keygroup = en_frame_take_bytes(&reader, &len);
        if (!en_frame_is_at_end(&reader) || version != EN_FRAME_VERSION)
            rc = enoki_error_set(err, ENOKI_EPROTO,
                                 "the process that keeps the state speaks "
                                 "another protocol");
        else if (len != strlen(settings->keygroup) ||
                 memcmp(keygroup, settings->keygroup, len) != 0)
            rc = enoki_error_set(err, ENOKI_EDENIED,
                                 "keygroup '%.100s' is not this function's: it has '%.*s' only",
                                 settings->keygroup, (int)(len < 100 ? len : 100), keygroup);
        forget_answer(client, &head);
    }
    end(&call);
    return rc;
}

static int relay_open(void **self_out, const struct en_backend_settings *settings,
                      enum enoki_keygroup_kind *kind_out, struct enoki_error *err)
{
    struct client *client = calloc(1, sizeof(*client));
    int rc;

    if (client == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a state handle");
    client->fd = -1;
    client->pid = getpid();
    client->next_call = 1;
    client->input.max = EN_RELAY_ANSWER_MAX_BYTES + EN_FRAME_HEAD_BYTES + READ_BYTES;
    client->output.max = EN_RELAY_REQUEST_MAX_BYTES;
    (void)pthread_mutex_init(&client->lock, NULL);
    rc = connect_to(client, settings->uri->where, err);
    if (rc == 0)
        rc = greet(client, settings, kind_out, err);
    if (rc == 0)
        *self_out = client;
    else
        relay_close(client);
    return rc;
}

const struct en_backend en_relay_backend = {
    .scheme = "relay",
    .is_local = false,
    .open = relay_open,
    .close = relay_close,
    .read = relay_read,
    .scan = relay_scan,
    .write = relay_write,
    .append = relay_append,
    .import = relay_import,
};
