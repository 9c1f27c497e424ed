/*
 * relay.c - what a state call through the relay costs: a child reads one small item, again and
 * again, by way of its parent, which has the store.
 *
 *   bench-relay DIR MS
 *
 * Prints one line of JSON: the median and the mean time of a call.
 */
#include "tool.h"

#include "state/relay/relay.h"

#include <enoki/state.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_MAX 1000000u
#define ID "key"

static const char *directory;

static struct enoki_state *open_uri(const char *uri)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state;

    options.uri = uri;
    options.keygroup = "bench";
    if (enoki_state_open(&state, &options, &err) != 0)
        tool_die("%s", err.message);
    return state;
}

static int open_store(void *context, struct enoki_state **out, struct enoki_error *err)
{
    char uri[4096];

    (void)context;
    (void)err;
    snprintf(uri, sizeof(uri), "embedded:%s?durability=process", directory);
    *out = open_uri(uri);
    return 0;
}

/* The child's life. */
static void call(int door, uint64_t duration_ns)
{
    uint64_t *took = malloc(CALLS_MAX * sizeof(*took));
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state;
    uint64_t begin, now, last;
    size_t count = 0;
    char uri[32];

    if (took == NULL)
        tool_die("out of memory");
    snprintf(uri, sizeof(uri), "relay:%d", door);
    state = open_uri(uri);
    if (enoki_state_update(state, ID, "0123456789", 10, NULL, &err) != 0)
        tool_die("%s", err.message);
    begin = last = tool_now_ns();
    do {
        struct enoki_items *items;

        if (enoki_state_read(state, ID, &items, &err) != 0)
            tool_die("%s", err.message);
        enoki_items_free(items);
        now = tool_now_ns();
        took[count++] = now - last;
        last = now;
    } while (now - begin < duration_ns && count < CALLS_MAX);
    tool_sort(took, count);
    printf("{\"median_us\": %.2f, \"mean_us\": %.2f}\n",
           (double)tool_quantile(took, count, 0.5) / 1e3,
           (double)(now - begin) / (double)count / 1e3);
    fflush(stdout);
    enoki_state_free(state);
    free(took);
}

int main(int argc, char **argv)
{
    struct en_relay_options options = {.open = open_store};
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct en_relay *relay;
    int door[2], status = 0;
    pid_t child;

    if (argc != 3)
        tool_die("usage: bench-relay DIR MS");
    directory = argv[1];
    if (en_relay_door(door, &err) != 0)
        tool_die("%s", err.message);
    child = fork();
    if (child == 0) {
        call(door[1], tool_number("MS", argv[2], 1, 60000) * 1000000u);
        return 0;
    }
    options.door = door[0];
    if (child < 0 || en_relay_start(&relay, &options, &err) != 0)
        tool_die("%s", err.message);
    (void)close(door[1]);
    if (waitpid(child, &status, 0) != child)
        status = 1;
    en_relay_stop(relay);
    return status != 0;
}
