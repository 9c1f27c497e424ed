/* The relay between honest and dishonest ends: a raw socket stands in for the worker or the parent.
 */
#include "check_main.h"
#include "store_case.h"

#include "base/clock.h"
#include "state/relay/relay.h"
#include "wire/frame.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#define LONG_MS 60000
#define SHORT_MS 2000

static struct rig {
    int door[2];
    struct en_relay *relay;
    unsigned opens_that_fail;
} rig;

static int open_embedded(void *context, struct enoki_state **out, struct enoki_error *why)
{
    (void)context;
    if (rig.opens_that_fail > 0 && --rig.opens_that_fail == 0)
        return enoki_error_set(why, ENOKI_EUNAVAILABLE, "not yet");
    *out = try_open("process", "", ENOKI_KEYGROUP_MUTABLE);
    return *out == NULL ? enoki_error_set(why, err.status, "%s", err.message) : 0;
}

static void start(void)
{
    struct en_relay_options options = {.open = open_embedded, .threads_max = 4};

    make_folder();
    ck_assert_int_eq(en_relay_door(rig.door, &err), 0);
    options.door = rig.door[0];
    ck_ok(en_relay_start(&rig.relay, &options, &err));
}

static void stop(void)
{
    en_relay_stop(rig.relay);
    (void)close(rig.door[0]);
    (void)close(rig.door[1]);
    remove_folder();
}

static struct enoki_state *open_over(int fd, const char *keygroup)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    char uri[32];

    (void)snprintf(uri, sizeof(uri), "relay:%d", fd);
    options.uri = uri;
    options.keygroup = keygroup;
    return enoki_state_open(&state, &options, &err) == 0 ? state : NULL;
}

/* Passes descriptors through the door. */
static void pass(const int *fds, size_t count)
{
    char byte = 1;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {.room = {0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    ck_assert_int_eq(sendmsg(rig.door[1], &message, MSG_NOSIGNAL), 1);
}

/* A raw connection to the parent. */
static int connect_raw(void)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pass(&pair[1], 1);
    (void)close(pair[1]);
    return pair[0];
}

static void send_frame(int fd, enum en_frame_type type, uint64_t call, const void *payload,
                       size_t len)
{
    struct en_buffer out = EN_BUFFER_INIT(1u << 20);
    size_t at;

    ck_assert_int_eq(en_frame_begin(&out, type, call, &at), 0);
    ck_assert_int_eq(en_buffer_append(&out, payload, len), 0);
    ck_assert_int_eq(en_frame_end(&out, at), 0);
    ck_assert_int_eq(send(fd, out.data, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
    en_buffer_fini(&out);
}

/* The next frame, into payload; false at the end of the connection. */
static bool take_frame(int fd, struct en_frame_head *head, char payload[1000])
{
    char bytes[EN_FRAME_HEAD_BYTES];

    if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != (ssize_t)sizeof(bytes))
        return false;
    ck_assert_int_eq(en_frame_head_read(bytes, head), 0);
    ck_assert_uint_lt(head->len, 1000);
    payload[head->len] = '\0';
    return head->len == 0 || recv(fd, payload, head->len, MSG_WAITALL) == (ssize_t)head->len;
}

#define HELLO "enok\1\0\1\0"

static void greet(int fd)
{
    struct en_frame_head head;
    char payload[1000];

    send_frame(fd, EN_FRAME_HELLO, 1, HELLO, 8);
    ck_assert(take_frame(fd, &head, payload));
    ck_assert_uint_eq(head.type, EN_FRAME_WELCOME);
    ck_assert_mem_eq(payload + head.len - 4, "demo", 4);
}

static void check_others_go_on(void)
{
    struct enoki_state *state = open_over(rig.door[1], "demo");

    ck_assert_msg(state != NULL, "%s", err.message);
    put(state, "x", "1");
    ck_assert_str_eq(get(state, "x"), "1");
    enoki_state_free(state);
}

static size_t count_descriptors(void)
{
    DIR *folder_of_fds = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(folder_of_fds) != NULL)
        count++;
    (void)closedir(folder_of_fds);
    return count;
}

/* --- workers ---------------------------------------------------------------------------------- */

START_TEST(a_worker_of_another_version_is_told_and_left)
{
    struct en_frame_head head;
    char payload[1000];
    int fd;

    start();
    fd = connect_raw();
    send_frame(fd, EN_FRAME_HELLO, 1, "enok\2\0\3\0", 8);
    ck_assert(take_frame(fd, &head, payload));
    ck_assert_uint_eq(head.type, EN_FRAME_FAILED);
    ck_assert_ptr_nonnull(strstr(payload + 8, "version 2 to 3 are not spoken here, only 1"));
    ck_assert(!take_frame(fd, &head, payload));
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(what_is_no_frame_ends_that_connection_alone)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool is_greeted;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18, false},
        {"\x08\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0fred\1\0\1\0", 24, false}, /* another magic */
        {"\0\0\0\0\x10\0\0\0\1\0\0\0\0\0\0\0", 16, false},             /* a call before HELLO */
        {"\x08\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0" HELLO, 24, true},        /* a second HELLO */
        {"\0\0\0\0\x63\0\0\0\1\0\0\0\0\0\0\0", 16, true},              /* no such type */
        {"\0\0\0\0\x10\1\0\0\1\0\0\0\0\0\0\0", 16, true},              /* flags */
        {"\xff\xff\xff\xff\x10\0\0\0\1\0\0\0\0\0\0\0", 16, true},      /* too long */
        {"\x04\0\0\0\x10\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 20, true},    /* half a field */
    };
    struct en_frame_head head;
    char payload[1000];

    start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = connect_raw();

        if (rows[i].is_greeted)
            greet(fd);
        ck_assert_int_eq(send(fd, rows[i].bytes, rows[i].len, 0), (ssize_t)rows[i].len);
        ck_assert_msg(!take_frame(fd, &head, payload), "row %zu: answered with type %u", i,
                      head.type);
        (void)close(fd);
        check_others_go_on();
    }
    stop();
}
END_TEST

START_TEST(calls_that_come_byte_by_byte_and_calls_that_come_together_are_answered)
{
    static const char read_x[] = "\x0d\0\0\0\x10\0\0\0\5\0\0\0\0\0\0\0"
                                 "\x88\x13\0\0\0\0\0\0\1\0\0\0x";
    struct en_frame_head head;
    char payload[1000], both[2 * (sizeof(read_x) - 1)];
    int fd;

    start();
    check_others_go_on();
    fd = connect_raw();
    greet(fd);
    for (size_t i = 0; i < sizeof(read_x) - 1; i++)
        ck_assert_int_eq(send(fd, read_x + i, 1, 0), 1);
    memcpy(both, read_x, sizeof(read_x) - 1);
    memcpy(both + sizeof(read_x) - 1, read_x, sizeof(read_x) - 1);
    ck_assert_int_eq(send(fd, both, sizeof(both), 0), (ssize_t)sizeof(both));
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(take_frame(fd, &head, payload));
        ck_assert_uint_eq(head.type, EN_FRAME_ITEMS);
        ck_assert_uint_eq(head.call, 5);
        ck_assert_int_eq(payload[head.len - 1], '1');
    }
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(a_worker_gets_no_other_keygroup)
{
    start();
    ck_assert_ptr_null(open_over(rig.door[1], "other"));
    ck_assert_int_eq(err.status, ENOKI_EDENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "it has 'demo' only"));
    stop();
}
END_TEST

START_TEST(descriptors_that_are_too_many_or_no_socket_are_closed)
{
    size_t before;
    int pipes[2];

    start();
    check_others_go_on();
    before = count_descriptors();
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_int_eq(pipe(pipes), 0);
        pass(pipes, 1 + i % 2);
        (void)close(pipes[0]);
        (void)close(pipes[1]);
        check_others_go_on(); /* it came through the same door, so the others were looked at */
    }
    /* The last connections' ends are seen a little later. */
    for (unsigned i = 0; i < 1000 && count_descriptors() > before; i++)
        (void)poll(NULL, 0, 10);
    ck_assert_uint_le(count_descriptors(), before);
    stop();
}
END_TEST

START_TEST(a_thread_that_cannot_open_the_state_tries_again)
{
    rig.opens_that_fail = 2; /* the first is start's own */
    start();
    check_others_go_on();
    ck_assert_uint_eq(rig.opens_that_fail, 0);
    stop();
}
END_TEST

/* --- parents ---------------------------------------------------------------------------------- */

/* What the other end does with each call after the greeting. */
enum parent { SILENT, DYING, WRONG, LATE };

struct parent_end {
    int fd;
    enum parent kind;
};

static void *be_parent(void *context)
{
    const struct parent_end *end = context;
    struct en_frame_head head;
    char payload[1000];

    if (!take_frame(end->fd, &head, payload))
        return NULL;
    send_frame(end->fd, EN_FRAME_WELCOME, head.call, "\1\0\1\0\0\1\0\0\0\0\0\4\0\0\0demo", 19);
    for (uint64_t late = 0; take_frame(end->fd, &head, payload); late = head.call) {
        if (end->kind == DYING)
            break;
        if (end->kind == WRONG)
            (void)send(end->fd, "HTTP/1.1 400 Bad Request\r\n", 26, MSG_NOSIGNAL);
        /* The answer to the call before this one, and then its own. */
        if (end->kind == LATE && late != 0) {
            send_frame(end->fd, EN_FRAME_ITEMS, late, "\0\0\0\0\0", 5);
            send_frame(end->fd, EN_FRAME_DONE, head.call, "", 0);
        }
    }
    (void)shutdown(end->fd, SHUT_RDWR);
    return NULL;
}

static pthread_t parent_thread;
static struct parent_end parent_end;

static struct enoki_state *open_with(enum parent kind)
{
    struct enoki_state *state;
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    parent_end = (struct parent_end){pair[1], kind};
    ck_assert_int_eq(pthread_create(&parent_thread, NULL, be_parent, &parent_end), 0);
    state = open_over(pair[0], "demo");
    ck_assert_msg(state != NULL, "%s", err.message);
    (void)close(pair[0]);
    return state;
}

static void close_with(struct enoki_state *state)
{
    enoki_state_free(state);
    ck_assert_int_eq(pthread_join(parent_thread, NULL), 0);
    (void)close(parent_end.fd);
}

static void *read_x(void *state)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;

    return (void *)(intptr_t)enoki_state_read(state, "x", &items, &own);
}

START_TEST(a_parent_that_hangs_costs_every_thread_its_own_deadline_only)
{
    struct enoki_state *state = open_with(SILENT);
    uint64_t begin = en_clock_ms();
    pthread_t threads[8];
    void *rc;

    enoki_state_set_deadline(state, en_clock_ms() + SHORT_MS);
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_x, state), 0);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &rc), 0);
        ck_assert_int_eq((intptr_t)rc, ENOKI_ETIMEOUT);
    }
    /* One behind the other it would be at least 8 times. */
    ck_assert_uint_lt(en_clock_ms() - begin, 8 * SHORT_MS);
    close_with(state);
}
END_TEST

START_TEST(a_parent_that_dies_leaves_a_write_uncertain_and_the_next_one_undone)
{
    struct enoki_state *state = open_with(DYING);

    ck_assert_int_eq(enoki_state_update(state, "x", "1", 1, NULL, &err), ENOKI_EUNCERTAIN);
    ck_assert_ptr_nonnull(strstr(err.message, "may or may not have been done"));
    ck_assert_int_eq(enoki_state_update(state, "x", "1", 1, NULL, &err), ENOKI_ECLOSED);
    ck_assert_ptr_nonnull(strstr(err.message, "stopping, or was killed"));
    close_with(state);
}
END_TEST

START_TEST(an_answer_that_is_none_ends_the_connection)
{
    struct enoki_state *state = open_with(WRONG);

    ck_assert_int_eq((intptr_t)read_x(state), ENOKI_EPROTO);
    ck_assert_int_eq((intptr_t)read_x(state), ENOKI_ECLOSED);
    close_with(state);
}
END_TEST

START_TEST(an_answer_that_comes_too_late_is_not_taken_for_the_next_calls)
{
    struct enoki_state *state = open_with(LATE);

    enoki_state_set_deadline(state, en_clock_ms() + SHORT_MS);
    ck_assert_int_eq((intptr_t)read_x(state), ENOKI_ETIMEOUT);
    enoki_state_set_deadline(state, en_clock_ms() + LONG_MS);
    ck_ok(enoki_state_update(state, "x", "1", 1, NULL, &err));
    close_with(state);
}
END_TEST

/* --- both: the relay's own state is elsewhere ------------------------------------------------- */

#define TOGETHER 4u

static pthread_mutex_t together_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t together_changed = PTHREAD_COND_INITIALIZER;
static unsigned together;

/* Answers a read once there are as many as were asked for. */
static void *be_slow_parent(void *context)
{
    int fd = (int)(intptr_t)context;
    struct en_frame_head head;
    char payload[1000];

    ck_assert(take_frame(fd, &head, payload));
    send_frame(fd, EN_FRAME_WELCOME, head.call, "\1\0\1\0\0\1\0\0\0\0\0\4\0\0\0demo", 19);
    while (take_frame(fd, &head, payload)) {
        (void)pthread_mutex_lock(&together_lock);
        together++;
        (void)pthread_cond_broadcast(&together_changed);
        while (together < TOGETHER)
            (void)pthread_cond_wait(&together_changed, &together_lock);
        (void)pthread_mutex_unlock(&together_lock);
        send_frame(fd, EN_FRAME_ITEMS, head.call, "\0\0\0\0\0", 5);
    }
    (void)close(fd);
    return NULL;
}

static int open_slow(void *context, struct enoki_state **out, struct enoki_error *why)
{
    pthread_t thread;
    int pair[2];

    (void)context;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, be_slow_parent, (void *)(intptr_t)pair[1]), 0);
    (void)pthread_detach(thread);
    *out = open_over(pair[0], "demo");
    (void)close(pair[0]);
    return *out == NULL ? enoki_error_set(why, err.status, "%s", err.message) : 0;
}

START_TEST(reads_that_come_together_are_run_at_the_same_time_where_each_waits)
{
    struct en_relay_options options = {.open = open_slow, .threads_max = TOGETHER + 1};
    struct en_buffer out = EN_BUFFER_INIT(1u << 20);
    struct en_frame_head head;
    char payload[1000];
    uint64_t sum = 0;
    size_t at;
    int fd;

    ck_assert_int_eq(en_relay_door(rig.door, &err), 0);
    options.door = rig.door[0];
    ck_ok(en_relay_start(&rig.relay, &options, &err));
    fd = connect_raw();
    greet(fd);
    for (uint64_t call = 1; call <= TOGETHER; call++) {
        ck_assert_int_eq(en_frame_begin(&out, EN_FRAME_READ, call, &at), 0);
        ck_assert_int_eq(en_frame_put_u64(&out, LONG_MS), 0);
        ck_assert_int_eq(en_frame_put_bytes(&out, "x", 1), 0);
        ck_assert_int_eq(en_frame_end(&out, at), 0);
    }
    ck_assert_int_eq(send(fd, out.data, out.len, MSG_NOSIGNAL), (ssize_t)out.len);
    for (size_t i = 0; i < TOGETHER; i++) {
        ck_assert(take_frame(fd, &head, payload));
        ck_assert_uint_eq(head.type, EN_FRAME_ITEMS);
        sum += head.call;
    }
    ck_assert_uint_eq(sum, TOGETHER * (TOGETHER + 1) / 2);
    en_buffer_fini(&out);
    (void)close(fd);
    en_relay_stop(rig.relay);
    (void)close(rig.door[0]);
    (void)close(rig.door[1]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_worker_of_another_version_is_told_and_left,
        what_is_no_frame_ends_that_connection_alone,
        calls_that_come_byte_by_byte_and_calls_that_come_together_are_answered,
        a_worker_gets_no_other_keygroup,
        descriptors_that_are_too_many_or_no_socket_are_closed,
        a_thread_that_cannot_open_the_state_tries_again,
        a_parent_that_hangs_costs_every_thread_its_own_deadline_only,
        a_parent_that_dies_leaves_a_write_uncertain_and_the_next_one_undone,
        an_answer_that_is_none_ends_the_connection,
        an_answer_that_comes_too_late_is_not_taken_for_the_next_calls,
        reads_that_come_together_are_run_at_the_same_time_where_each_waits,
    };

    return check_main("relay", tests, sizeof(tests) / sizeof(tests[0]));
}
