/*
 * worker_rig.h - a worker in a real server whose dispatcher is the test: it gets connections and
 * invocations and hands them to the worker when the test says so. For one program: it defines what
 * the function, plugins/held.c, calls.
 *
 * Threads  the server has its own; the rest is the test's.
 */
#ifndef TESTING_WORKER_RIG_H
#define TESTING_WORKER_RIG_H

#include <check.h>

#include <enoki/enoki.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct rig {
    pthread_t thread;
    int status;
    int ready_fd;
    uint16_t port;
    struct enoki_worker *worker;
    struct enoki_connection *_Atomic taken;
    struct enoki_invocation *_Atomic submitted;
    atomic_int opened;
    atomic_int called;
    sem_t held;
    const char *options[4];
    bool refuses; /* connections: the server reads them */
};

static struct rig rig; /* one per test: each is a process */

/* What plugins/held.c calls. */
ENOKI_API void held_opened(void);
ENOKI_API void held_called(const char *body);

void held_opened(void)
{
    atomic_fetch_add(&rig.opened, 1);
}

void held_called(const char *body)
{
    atomic_fetch_add(&rig.called, 1);
    if (strcmp(body, "hold") == 0)
        while (sem_wait(&rig.held) != 0)
            ;
}

static int start(void **self_out, struct enoki_server *server, struct enoki_error *err)
{
    int rc = enoki_runtime_load(enoki_server_runtime(server), err);

    *self_out = &rig;
    return rc != 0 ? rc : enoki_worker_open(&rig.worker, server, 7, err);
}

static void submit(void *self, struct enoki_invocation *invocation)
{
    (void)self;
    atomic_store(&rig.submitted, invocation);
}

static int take_connection(void *self, struct enoki_connection *connection)
{
    (void)self;
    if (rig.refuses)
        return ENOKI_ELIMIT;
    enoki_connection_set_data(connection, &rig);
    atomic_store(&rig.taken, connection);
    return 0;
}

static uint64_t tick(void *self, uint64_t now_ms)
{
    (void)self;
    (void)now_ms;
    return UINT64_MAX;
}

static int is_idle(void *self)
{
    (void)self;
    return 1;
}

static void stop(void *self)
{
    (void)self;
    enoki_worker_free(rig.worker);
}

static const struct enoki_dispatcher dispatcher = {
    .size = sizeof(dispatcher),
    .name = "thread",
    .workers_default = 1,
    .start = start,
    .submit = submit,
    .take_connection = take_connection,
    .tick = tick,
    .is_idle = is_idle,
    .stop = stop,
};

static void *run_server(void *context)
{
    char *argv[16] = {"test", "-n", "held", "-l", "http=127.0.0.1:0"};
    int argc = 5;

    (void)context;
    for (size_t i = 0; i < 4 && rig.options[i] != NULL; i++)
        argv[argc++] = (char *)(uintptr_t)rig.options[i];
    argv[argc++] = TEST_PLUGINS "/held.so";
    rig.status = enoki_runtime_main(argc, argv, &dispatcher);
    return NULL;
}

/* Starts the server; what it says on standard error tells the port. */
static void begin(const char *option, const char *value)
{
    char line[512] = "";
    size_t len = 0;
    unsigned port;
    int ends[2];

    rig.options[0] = option;
    rig.options[1] = value;
    ck_assert_int_eq(sem_init(&rig.held, 0, 0), 0);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    ck_assert_int_eq(pthread_create(&rig.thread, NULL, run_server, NULL), 0);
    while (strstr(line, "/held\n") == NULL) {
        ck_assert_uint_lt(len, sizeof(line) - 1);
        ck_assert_int_eq(read(ends[0], line + len, 1), 1);
        line[++len] = '\0';
    }
    ck_assert_int_eq(sscanf(line, "ready: http://127.0.0.1:%u/", &port), 1);
    rig.port = (uint16_t)port;
    rig.ready_fd = ends[0];
}

/* Drains the server; every call has been answered. */
static void end(void)
{
    ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
    ck_assert_int_eq(pthread_join(rig.thread, NULL), 0);
    ck_assert_int_eq(rig.status, 0);
}

static int connect_to_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(rig.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int connect_client(struct enoki_connection **connection_out)
{
    int fd = connect_to_server();

    while ((*connection_out = atomic_exchange(&rig.taken, NULL)) == NULL)
        (void)sched_yield();
    return fd;
}

static enum enoki_want serve(struct enoki_connection *connection)
{
    struct pollfd ready = {.fd = enoki_connection_fd(connection), .events = POLLIN};

    ck_assert_int_eq(poll(&ready, 1, -1), 1);
    return enoki_worker_serve(rig.worker, connection);
}

static void *serve_in_thread(void *connection)
{
    return (void *)(uintptr_t)serve(connection);
}

static void *run_in_thread(void *invocation)
{
    enoki_invocation_run(invocation, rig.worker);
    return NULL;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* All up to the end of the connection, or up to what ends with that. */
static char *hear(int fd, const char *until)
{
    static char text[4096];
    size_t len = 0;
    ssize_t n = 1;

    text[0] = '\0';
    while (n > 0 && (until == NULL || strstr(text, until) == NULL)) {
        n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        text[len] = '\0';
    }
    return text;
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        n++;
    return n;
}

#endif
