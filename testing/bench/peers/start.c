/*
 * start.c - how long programs take to start, from a small process so that only theirs is seen.
 *
 *   bench-start exec TIMES COMMAND...         exec to exit
 *   bench-start serve TIMES PORT COMMAND...   exec to the first answer of POST /PATH; PORT 0: from
 *                                             the command's own `ready: http://HOST:PORT/PATH`
 * line, else /echo on PORT as soon as it accepts bench-start wake TIMES 0 COMMAND...       a
 * started server's first answer and its second one bench-start fork TIMES LIBRARY...         fork
 * of a process with these libraries loaded, until the child's message is read
 *
 * Prints one line of JSON: {"us": [...]} and for wake also "again_us".
 */
#include "http_call.h"
#include "tool.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES_MAX 1000u
#define READY_MS 10000
#define STOP_NS 5000000000ull
#define LOG_BYTES 8192u

extern char **environ;

struct server {
    pid_t pid;
    int log; /* its standard error, or -1 */
    uint16_t port;
    char path[300];
    uint64_t begin_ns;
};

static pid_t spawn(char **command, int log)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;

    if (posix_spawn_file_actions_init(&actions) != 0)
        tool_die("out of memory");
    if (posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) != 0 ||
        (log >= 0 && posix_spawn_file_actions_adddup2(&actions, log, 2) != 0))
        tool_die("out of memory");
    status = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
    if (status != 0)
        tool_die("cannot start '%s': %s", command[0], strerror(status));
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Reads the log up to the ready line and takes port and path from it. */
static void await_ready(struct server *server)
{
    char text[LOG_BYTES + 1];
    size_t len = 0;
    struct pollfd readable = {.fd = server->log, .events = POLLIN};

    for (;;) {
        const char *line;
        ssize_t got;

        if (poll(&readable, 1, READY_MS) <= 0 || len == LOG_BYTES)
            tool_die("no ready line within %d ms", READY_MS);
        got = read(server->log, text + len, LOG_BYTES - len);
        if (got <= 0)
            tool_die("the server ended before its ready line: %.*s", (int)len, text);
        len += (size_t)got;
        text[len] = '\0';
        line = strstr(text, "ready: http://");
        if (line != NULL && strchr(line, '\n') != NULL &&
            sscanf(line, "ready: http://%*[^:]:%hu%299s", &server->port, server->path) == 2)
            return;
    }
}

static void start(struct server *server, uint16_t port, char **command)
{
    int pipes[2] = {-1, -1};

    *server = (struct server){.log = -1, .port = port, .path = "/echo"};
    if (port == 0 && pipe2(pipes, O_CLOEXEC) != 0)
        tool_die("pipe2: %m");
    server->log = pipes[0];
    server->begin_ns = tool_now_ns();
    server->pid = spawn(command, pipes[1]);
    if (port == 0) {
        close(pipes[1]);
        await_ready(server);
    }
}

static void stop(struct server *server)
{
    uint64_t give_up = tool_now_ns() + STOP_NS;
    bool killed = false;

    kill(server->pid, SIGTERM);
    while (waitpid(server->pid, NULL, WNOHANG) == 0) {
        if (!killed && tool_now_ns() > give_up) {
            fprintf(stderr, "bench-start: the server did not stop, killing it\n");
            kill(server->pid, SIGKILL);
            killed = true;
        }
        usleep(1000);
    }
    if (server->log >= 0)
        close(server->log);
}

/* A server without a ready line is asked until it accepts. */
static int connect_to(const struct server *server)
{
    uint64_t give_up = tool_now_ns() + (uint64_t)READY_MS * 1000000u;
    int fd;

    do {
        fd = tool_connect(server->port, 0);
        if (fd < 0)
            usleep(20);
    } while (fd < 0 && server->log < 0 && tool_now_ns() < give_up);
    if (fd < 0)
        tool_die("cannot connect to port %u: %m", server->port);
    return fd;
}

static uint64_t call_once(struct http_call *call, int fd, const char *path)
{
    uint64_t begin = tool_now_ns();

    call->fd = fd;
    http_call_begin(call, path, "hello");
    if (call->state != HTTP_CALL_DONE)
        tool_die("no answer with status 200: %.64s", call->head);
    return tool_now_ns() - begin;
}

static uint64_t serve_once(uint16_t port, char **command)
{
    static struct http_call call;
    struct server server;
    uint64_t took;
    int fd;

    start(&server, port, command);
    fd = connect_to(&server);
    call_once(&call, fd, server.path);
    took = tool_now_ns() - server.begin_ns;
    close(fd);
    stop(&server);
    return took;
}

static void wake_once(char **command, uint64_t *first, uint64_t *second)
{
    static struct http_call call;
    struct server server;
    int fd;

    start(&server, 0, command);
    fd = connect_to(&server);
    /* The server is to have accepted and to be idle: what is measured is the call alone. */
    usleep(20000);
    *first = call_once(&call, fd, server.path);
    usleep(20000);
    *second = call_once(&call, fd, server.path);
    close(fd);
    stop(&server);
}

static uint64_t exec_once(char **command)
{
    uint64_t begin = tool_now_ns();
    pid_t pid = spawn(command, -1);
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            tool_die("waitpid: %m");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        tool_die("'%s' did not end with status 0", command[0]);
    return tool_now_ns() - begin;
}

static uint64_t fork_once(uint64_t pause_ms)
{
    int pipes[2];
    uint64_t begin;
    uint64_t took;
    pid_t pid;
    char byte = 0;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        tool_die("pipe2: %m");
    if (pause_ms > 0)
        usleep((useconds_t)(pause_ms * 1000));
    begin = tool_now_ns();
    pid = fork();
    if (pid < 0)
        tool_die("fork: %m");
    if (pid == 0)
        _exit(write(pipes[1], &byte, 1) == 1 ? 0 : 1);
    if (read(pipes[0], &byte, 1) != 1)
        tool_die("the child said nothing");
    took = tool_now_ns() - begin;
    waitpid(pid, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    return took;
}

static void print_list(const char *name, const uint64_t *ns, uint64_t count)
{
    printf("\"%s\": [", name);
    for (uint64_t i = 0; i < count; i++)
        printf("%s%.2f", i == 0 ? "" : ", ", (double)ns[i] / 1e3);
    printf("]");
}

static void load_libraries(char **paths)
{
    for (; *paths != NULL; paths++)
        if (dlopen(*paths, RTLD_NOW) == NULL)
            tool_die("%s", dlerror());
}

int main(int argc, char **argv)
{
    uint64_t first[TIMES_MAX];
    uint64_t second[TIMES_MAX];
    uint64_t times;
    uint64_t number = 0; /* a port, or the pause of fork */
    const char *mode = argc > 1 ? argv[1] : "";
    bool is_exec = strcmp(mode, "exec") == 0;
    bool is_wake = strcmp(mode, "wake") == 0;
    bool is_fork = strcmp(mode, "fork") == 0;
    char **command = argv + (is_exec ? 3 : 4);

    if (argc < 4 || *command == NULL)
        tool_die("usage: exec TIMES COMMAND... | serve|wake TIMES PORT COMMAND... | "
                 "fork TIMES MS LIBRARY...");
    times = tool_number("TIMES", argv[2], 1, TIMES_MAX);
    if (!is_exec)
        number = tool_number(is_fork ? "MS" : "PORT", argv[3], 0, UINT16_MAX);
    if (is_fork)
        load_libraries(command);

    for (uint64_t i = 0; i < times; i++) {
        if (is_wake)
            wake_once(command, &first[i], &second[i]);
        else if (is_fork)
            first[i] = fork_once(number);
        else if (is_exec)
            first[i] = exec_once(command);
        else
            first[i] = serve_once((uint16_t)number, command);
    }

    printf("{");
    print_list("us", first, times);
    if (is_wake) {
        printf(", ");
        print_list("again_us", second, times);
    }
    printf("}\n");
    return EXIT_SUCCESS;
}
