/*
 * coap_load.c - a closed load of confirmable CoAP requests: each client has a socket of its own and
 * asks again once it has its answer, in the acknowledgement or in a message of its own. What is not
 * answered within a second is an error, and asked again. Prints one line of JSON.
 *
 *   bench-coap-load CLIENTS MS METHOD PATH BODY PORT
 */
#include "tool.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 1000u
#define SAMPLES_MAX 8000000u
#define PATIENCE_NS 1000000000ull
#define CONFIRMABLE 0
#define ACKNOWLEDGES 2

struct client {
    int fd;
    uint16_t id;
    uint64_t since_ns;
};

static struct client clients[CLIENTS_MAX];
static struct pollfd waits[CLIENTS_MAX];
static uint8_t request[512];
static size_t request_len;
static uint64_t *samples, count, errors;

/* Everything but the message's id, which is at 2. */
static void make_request(int method, const char *path, const char *body)
{
    size_t len = strlen(path);

    if (len > 12 || strlen(body) > 400)
        tool_die("PATH has 12 bytes at most, BODY 400");
    memcpy(request, (uint8_t[]){0x40 | 2, (uint8_t)method, 0, 0, 'i', 'd'}, 6);
    request_len = 6;
    if (len > 0) {
        request[request_len++] = (uint8_t)(0xb0 | len);
        memcpy(request + request_len, path, len);
        request_len += len;
    }
    if (*body != '\0') {
        request[request_len++] = 0xff;
        memcpy(request + request_len, body, strlen(body));
        request_len += strlen(body);
    }
}

static void ask(struct client *client)
{
    client->id++;
    request[2] = (uint8_t)(client->id >> 8);
    request[3] = (uint8_t)client->id;
    client->since_ns = tool_now_ns();
    if (send(client->fd, request, request_len, 0) < 0)
        tool_die("send: %m");
}

/* True if it is the answer. */
static int receive(struct client *client)
{
    uint8_t bytes[2048];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got < 4 || bytes[1] == 0)
        return 0;
    if ((bytes[0] >> 4 & 3) == CONFIRMABLE) {
        const uint8_t ack[] = {0x40 | ACKNOWLEDGES << 4, 0, bytes[2], bytes[3]};

        if (send(client->fd, ack, sizeof(ack), 0) < 0)
            tool_die("send: %m");
    }
    if (bytes[1] != 0x45)
        errors++;
    else if (count < SAMPLES_MAX)
        samples[count++] = tool_now_ns() - client->since_ns;
    return 1;
}

static void open_clients(uint64_t number, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};

    for (uint64_t i = 0; i < number; i++) {
        clients[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (clients[i].fd < 0 ||
            connect(clients[i].fd, (struct sockaddr *)&address, sizeof(address)) != 0)
            tool_die("socket: %m");
        waits[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        ask(&clients[i]);
    }
}

static void run(uint64_t number, uint64_t ms)
{
    uint64_t now = tool_now_ns(), end_ns = now + ms * 1000000;

    while (now < end_ns) {
        if (poll(waits, number, 100) < 0)
            tool_die("poll: %m");
        now = tool_now_ns();
        for (uint64_t i = 0; i < number; i++) {
            if (waits[i].revents != 0 && receive(&clients[i])) {
                ask(&clients[i]);
            } else if (clients[i].since_ns + PATIENCE_NS < now) {
                errors++;
                ask(&clients[i]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t number, ms, begin_ns, took_ns;

    if (argc != 7)
        tool_die("usage: bench-coap-load CLIENTS MS METHOD PATH BODY PORT");
    number = tool_number("CLIENTS", argv[1], 1, CLIENTS_MAX);
    ms = tool_number("MS", argv[2], 1, 100000);
    make_request((int)tool_number("METHOD", argv[3], 1, 4), argv[4], argv[5]);
    samples = malloc(SAMPLES_MAX * sizeof(*samples));
    if (samples == NULL)
        tool_die("no memory");
    open_clients(number, (uint16_t)tool_number("PORT", argv[6], 1, 65535));
    begin_ns = tool_now_ns();
    run(number, ms);
    took_ns = tool_now_ns() - begin_ns;
    tool_print_calls(samples, count, errors, took_ns);
    return 0;
}
