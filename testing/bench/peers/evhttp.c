/*
 * evhttp.c - an echo server as libevent gives it for nothing: the peer of subject 1.
 *
 *   bench-evhttp PROCESSES plain|tuned
 *
 * plain: evhttp as it comes. tuned: no locks, epoll change list, reads and writes of 256 KB at
 * once. Both set TCP_NODELAY, without which evhttp stalls 40 ms on larger bodies. Several processes
 * share the port with SO_REUSEPORT. Prints the `ready:` line of a runtime.
 */
#include "tool.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TUNED_BYTES_AT_ONCE (256 * 1024)

static void echo(struct evhttp_request *request, void *context)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);

    (void)context;
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
    evhttp_send_reply(request, HTTP_OK, "OK", input);
}

static struct bufferevent *large_reads(struct event_base *base, void *context)
{
    struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

    (void)context;
    if (bev != NULL) {
        bufferevent_set_max_single_read(bev, TUNED_BYTES_AT_ONCE);
        bufferevent_set_max_single_write(bev, TUNED_BYTES_AT_ONCE);
    }
    return bev;
}

static int listen_on(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(*port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, SOMAXCONN) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        tool_die("cannot listen on port %u: %m", *port);
    *port = ntohs(address.sin_port);
    return fd;
}

static void serve(int fd, int tuned)
{
    struct event_config *config = event_config_new();
    struct event_base *base;
    struct evhttp *http;

    if (config == NULL)
        tool_die("out of memory");
    if (tuned)
        event_config_set_flag(config,
                              EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    base = event_base_new_with_config(config);
    event_config_free(config);
    http = base == NULL ? NULL : evhttp_new(base);
    if (http == NULL || evhttp_accept_socket(http, fd) != 0)
        tool_die("evhttp does not start");
    if (tuned)
        evhttp_set_bevcb(http, large_reads, NULL);
    evhttp_set_gencb(http, echo, NULL);
    event_base_dispatch(base);
    evhttp_free(http);
    event_base_free(base);
}

int main(int argc, char **argv)
{
    uint64_t processes;
    uint16_t port = 0;
    int tuned;
    int fd;

    if (argc != 3 || (strcmp(argv[2], "plain") != 0 && strcmp(argv[2], "tuned") != 0))
        tool_die("usage: bench-evhttp PROCESSES plain|tuned");
    processes = tool_number("PROCESSES", argv[1], 1, 64);
    tuned = strcmp(argv[2], "tuned") == 0;

    fd = listen_on(&port);
    for (uint64_t i = 1; i < processes; i++) {
        pid_t child = fork();

        if (child < 0)
            tool_die("fork: %m");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(fd);
            serve(listen_on(&port), tuned);
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "ready: http://127.0.0.1:%u/echo\n", port);
    serve(fd, tuned);
    return EXIT_SUCCESS;
}
