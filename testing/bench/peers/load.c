/*
 * load.c - a bounded HTTP load that knows each of its connections: what wrk does not tell.
 *
 *   bench-load [-c CONNECTIONS] [-d MS] [-r RATE] [-b BODY] [-p PERCENT -s BODY] [-S SEED] PORT
 * PATH
 *
 * Without -r closed: every connection calls again as soon as it has its answer. With -r open: RATE
 * calls per second fall due at random (Poisson) times that depend on the seed only; a due call goes
 * to the connection that has been idle longest and its latency counts from when it was due.
 * PERCENT of the calls carry the body of -s; they are counted apart. In a body %c is the number of
 * the connection and %v a number that changes from call to call. Prints one line of JSON.
 */
#include "http_call.h"
#include "tool.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000u
#define SAMPLES_MAX 8000000u
#define BODY_BYTES 512u
#define GRACE_NS 3000000000ull
#define ERRORS_MAX 1000u

struct options {
    uint64_t connections;
    uint64_t duration_ms;
    uint64_t rate;
    uint64_t slow_percent;
    uint64_t seed;
    const char *body;
    const char *slow_body;
    uint16_t port;
    const char *path;
};

struct client {
    struct http_call call;
    uint64_t since_ns; /* the call's due time */
    uint64_t calls;
    bool slow;
    size_t next_idle;
};

struct samples {
    uint64_t *ns;
    size_t count;
};

struct load {
    const struct options *options;
    int epoll;
    struct client *clients;
    size_t idle_first; /* a list of client numbers; CONNECTIONS_MAX ends it */
    size_t idle_last;
    size_t busy;
    struct samples all;
    struct samples slow;
    uint64_t errors;
    uint64_t random;
    uint64_t value;
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t due_ns;
};

/* xorshift64*: the same schedule for both sides of a comparison. */
static double draw(struct load *load)
{
    load->random ^= load->random >> 12;
    load->random ^= load->random << 25;
    load->random ^= load->random >> 27;
    return (double)((load->random * 2685821657736338717ull) >> 11) / 9007199254740992.0;
}

static void make_body(const char *template, size_t client, uint64_t value, char out[BODY_BYTES])
{
    size_t len = 0;

    for (const char *p = template; *p != '\0' && len + 24 < BODY_BYTES; p++) {
        if (p[0] == '%' && p[1] == 'c')
            len += (size_t)snprintf(out + len, BODY_BYTES - len, "%zu", client);
        else if (p[0] == '%' && p[1] == 'v')
            len += (size_t)snprintf(out + len, BODY_BYTES - len, "%u", (unsigned)(value % 1000));
        else {
            out[len++] = *p;
            continue;
        }
        p++;
    }
    out[len] = '\0';
}

static void push_idle(struct load *load, size_t number)
{
    load->clients[number].next_idle = CONNECTIONS_MAX;
    if (load->idle_first == CONNECTIONS_MAX)
        load->idle_first = number;
    else
        load->clients[load->idle_last].next_idle = number;
    load->idle_last = number;
}

static void open_client(struct load *load, size_t number)
{
    struct client *client = &load->clients[number];
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = number}};

    client->call.state = HTTP_CALL_IDLE;
    client->call.fd = tool_connect(load->options->port, SOCK_NONBLOCK);
    if (client->call.fd < 0 || epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->call.fd, &event) != 0)
        tool_die("cannot connect to 127.0.0.1:%u: %m", load->options->port);
    push_idle(load, number);
}

static void record(struct load *load, struct client *client, uint64_t now)
{
    struct samples *samples = client->slow ? &load->slow : &load->all;

    if (samples->count < SAMPLES_MAX)
        samples->ns[samples->count++] = now - client->since_ns;
    client->calls++;
}

/* After any progress of a client's call: books its end and makes the client idle again. */
static void settle(struct load *load, size_t number)
{
    struct client *client = &load->clients[number];

    if (client->call.state == HTTP_CALL_DONE) {
        record(load, client, tool_now_ns());
        client->call.state = HTTP_CALL_IDLE;
        load->busy--;
        push_idle(load, number);
    } else if (client->call.state == HTTP_CALL_FAILED) {
        load->busy--;
        if (++load->errors > ERRORS_MAX)
            tool_die("more than %u calls failed", ERRORS_MAX);
        close(client->call.fd);
        open_client(load, number);
    }
}

static void begin(struct load *load, uint64_t since_ns)
{
    size_t number = load->idle_first;
    struct client *client = &load->clients[number];
    char body[BODY_BYTES];

    load->idle_first = client->next_idle;
    client->slow =
        load->options->slow_percent > 0 && draw(load) * 100 < (double)load->options->slow_percent;
    client->since_ns = since_ns;
    make_body(client->slow ? load->options->slow_body : load->options->body, number, load->value++,
              body);
    load->busy++;
    http_call_begin(&client->call, load->options->path, body);
    settle(load, number);
}

static void begin_due(struct load *load, uint64_t now)
{
    bool is_open = load->options->rate > 0;

    while (load->idle_first != CONNECTIONS_MAX && load->due_ns <= now &&
           load->due_ns < load->end_ns) {
        begin(load, is_open ? load->due_ns : now);
        if (is_open)
            load->due_ns += (uint64_t)(-log(1.0 - draw(load)) * 1e9 / (double)load->options->rate);
        else
            now = load->due_ns = tool_now_ns();
    }
}

static void wait_for_events(struct load *load, uint64_t now)
{
    struct epoll_event events[64];
    uint64_t until = load->busy > 0 ? load->end_ns + GRACE_NS : load->end_ns;
    struct timespec timeout;
    int count;

    if (load->options->rate > 0 && load->idle_first != CONNECTIONS_MAX &&
        load->due_ns < load->end_ns)
        until = load->due_ns;
    until = until > now ? until - now : 0;
    timeout = (struct timespec){(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
    count = epoll_pwait2(load->epoll, events, 64, &timeout, NULL);
    if (count < 0 && errno != EINTR)
        tool_die("epoll_pwait2: %m");
    for (int i = 0; i < count; i++) {
        size_t number = events[i].data.u64;

        if (load->clients[number].call.state == HTTP_CALL_IDLE) {
            if ((events[i].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
                tool_die("the server closed an idle connection");
            continue;
        }
        http_call_advance(&load->clients[number].call);
        settle(load, number);
    }
}

static void run(struct load *load)
{
    uint64_t now = tool_now_ns();

    load->begin_ns = load->due_ns = now;
    load->end_ns = now + load->options->duration_ms * 1000000u;
    for (;;) {
        now = tool_now_ns();
        if (now >= load->end_ns && load->busy == 0)
            return;
        if (now >= load->end_ns + GRACE_NS) {
            load->errors += load->busy;
            return;
        }
        begin_due(load, now);
        wait_for_events(load, tool_now_ns());
    }
}

static void print_samples(const char *prefix, struct samples *samples)
{
    uint64_t sum = 0;

    tool_sort(samples->ns, samples->count);
    for (size_t i = 0; i < samples->count; i++)
        sum += samples->ns[i];
    printf("\"%scalls\": %zu, \"%smean_us\": %.2f, \"%sp50_us\": %.2f, \"%sp90_us\": %.2f, "
           "\"%sp99_us\": %.2f, \"%smax_us\": %.2f, ",
           prefix, samples->count, prefix,
           samples->count == 0 ? 0.0 : (double)sum / 1e3 / (double)samples->count, prefix,
           (double)tool_quantile(samples->ns, samples->count, 0.5) / 1e3, prefix,
           (double)tool_quantile(samples->ns, samples->count, 0.9) / 1e3, prefix,
           (double)tool_quantile(samples->ns, samples->count, 0.99) / 1e3, prefix,
           (double)tool_quantile(samples->ns, samples->count, 1.0) / 1e3);
}

static void report(struct load *load)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    double seconds = (double)(tool_now_ns() - load->begin_ns) / 1e9;

    for (size_t i = 0; i < load->options->connections; i++) {
        uint64_t calls = load->clients[i].calls;

        least = calls < least ? calls : least;
        most = calls > most ? calls : most;
    }
    printf("{");
    print_samples("", &load->all);
    print_samples("slow_", &load->slow);
    printf("\"rps\": %.1f, \"seconds\": %.4f, \"errors\": %llu, \"least\": %llu, \"most\": %llu}\n",
           (double)(load->all.count + load->slow.count) / seconds, seconds,
           (unsigned long long)load->errors, (unsigned long long)least, (unsigned long long)most);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'c':
        options->connections = tool_number("CONNECTIONS", argument, 1, CONNECTIONS_MAX - 1);
        return 0;
    case 'd':
        options->duration_ms = tool_number("MS", argument, 1, 600000);
        return 0;
    case 'r':
        options->rate = tool_number("RATE", argument, 1, 100000);
        return 0;
    case 'p':
        options->slow_percent = tool_number("PERCENT", argument, 0, 100);
        return 0;
    case 'S':
        options->seed = tool_number("SEED", argument, 1, UINT32_MAX);
        return 0;
    case 'b':
        options->body = argument;
        return 0;
    case 's':
        options->slow_body = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            options->port = (uint16_t)tool_number("PORT", argument, 1, UINT16_MAX);
        else if (state->arg_num == 1)
            options->path = argument;
        else
            argp_usage(state);
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num != 2)
            argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option arguments[] = {
        {NULL, 'c', "CONNECTIONS", 0, "connections (10)", 0},
        {NULL, 'd', "MS", 0, "duration (1000)", 0},
        {NULL, 'r', "RATE", 0, "calls per second, open loop", 0},
        {NULL, 'b', "BODY", 0, "body of a call (hello)", 0},
        {NULL, 'p', "PERCENT", 0, "share of slow calls (0)", 0},
        {NULL, 's', "BODY", 0, "body of a slow call", 0},
        {NULL, 'S', "SEED", 0, "of the schedule (1)", 0},
        {0},
    };
    static const struct argp argp = {.options = arguments,
                                     .parser = parse_option,
                                     .args_doc = "PORT PATH",
                                     .doc = "Bounded HTTP load that knows its connections."};
    struct options options = {
        .connections = 10, .duration_ms = 1000, .seed = 1, .body = "hello", .slow_body = "hello"};
    struct load load = {.options = &options, .idle_first = CONNECTIONS_MAX};

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    load.random = options.seed * 2654435761u + 88172645463325252ull;
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.clients = calloc(options.connections, sizeof(*load.clients));
    load.all.ns = malloc(SAMPLES_MAX * sizeof(*load.all.ns));
    load.slow.ns = malloc(SAMPLES_MAX * sizeof(*load.slow.ns));
    if (load.epoll < 0 || load.clients == NULL || load.all.ns == NULL || load.slow.ns == NULL)
        tool_die("cannot start: %m");
    for (size_t i = 0; i < options.connections; i++)
        open_client(&load, i);
    run(&load);
    report(&load);
    free(load.slow.ns);
    free(load.all.ns);
    free(load.clients);
    close(load.epoll);
    return EXIT_SUCCESS;
}
