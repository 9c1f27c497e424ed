#include "routes.h"

#include "instance.h"
#include "node.h"

#include "invoke/frames.h"
#include "invoke/link.h"
#include "net/pass.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Connections taken from one instance per wake-up, so that it does not starve the others. */
#define TAKE_BATCH 16

struct routes {
    struct node *node;
    struct en_frames *frames; /* calls that the front door takes itself */
    bool is_closed;
};

struct route_door {
    struct routes *routes;
    struct en_watch *watch;
    int asks, peers;
    uint64_t given; /* connections of others */
};

static bool find(void *context, struct en_text name, const struct en_site **site,
                 struct en_target *target)
{
    struct routes *routes = context;
    struct function *function = node_find(routes->node, name.data, name.len);

    if (function == NULL)
        return false;
    target->function = function->name;
    target->timeout_ms = function_settings(function)->function.limits.call_timeout_ms;
    target->data = function;
    *site = node_site(routes->node);
    return true;
}

int routes_new(struct routes **out, struct node *node)
{
    struct routes *routes = calloc(1, sizeof(*routes));
    const struct en_frames_options options = {
        .server = node_server(node), .door = -1, .peers = -1, .find = find, .context = routes};
    int rc = routes == NULL ? ENOKI_ENOMEM : en_frames_new(&routes->frames, &options);

    if (rc != 0) {
        free(routes);
        return rc;
    }
    routes->node = node;
    *out = routes;
    return 0;
}

void routes_free(struct routes *routes)
{
    if (routes == NULL)
        return;
    en_frames_free(routes->frames);
    free(routes);
}

void routes_close(struct routes *routes)
{
    routes->is_closed = true;
    en_frames_drain(routes->frames);
}

/* The ready instance that was given the fewest connections; NULL: there is none, or how many there
 * are, or may run at once, depends on the calls that the front door sees. */
static struct route_door *choose(const struct function *function)
{
    const struct enoki_function_settings *settings = &function_settings(function)->function;
    struct route_door *best = NULL;

    if (settings->instances_min != settings->instances_max || settings->concurrency != 0)
        return NULL;

    for (const struct instance *i = function->instances; i != NULL; i = i->next) {
        if (i->phase == INSTANCE_READY && i->generation == function->generation &&
            i->stream != NULL && i->routes != NULL &&
            (best == NULL || i->routes->given < best->given))
            best = i->routes;
    }
    return best;
}

/* True if a runtime has it now. */
static bool give(const struct routes *routes, struct en_text name, int fd)
{
    const struct function *function = node_find(routes->node, name.data, name.len);
    struct route_door *door = function == NULL ? NULL : choose(function);
    char mark = 1;

    if (door == NULL || en_pass_send(door->peers, &mark, 1, fd, false) != 0)
        return false;
    door->given++;
    return true;
}

static void bring(struct routes *routes, const char *message, size_t len, int fd)
{
    const struct en_text name = {message + 1, len - 1};

    if (routes->is_closed || !en_pass_is_stream(fd) ||
        (message[0] == EN_LINK_DIRECT && give(routes, name, fd)) ||
        en_frames_add(routes->frames, fd, name) != 0)
        (void)close(fd);
}

static void on_asked(void *context, bool readable, bool writable)
{
    struct route_door *door = context;
    char message[1 + ENOKI_NAME_MAX];
    int got = 1;

    (void)readable;
    (void)writable;
    for (int i = 0; i < TAKE_BATCH && got > 0; i++) {
        int fd;

        got = en_pass_receive(door->asks, message, sizeof(message), &fd);
        if (fd >= 0 && got > 0)
            bring(door->routes, message, (size_t)got, fd);
        else if (fd >= 0)
            (void)close(fd);
    }
    if (got < 0)
        en_watch_pause(door->watch);
}

int route_door_new(struct route_door **out, struct routes *routes, int asks, int peers)
{
    struct route_door *door = calloc(1, sizeof(*door));
    int rc;

    if (door == NULL) {
        (void)close(asks);
        (void)close(peers);
        return ENOKI_ENOMEM;
    }
    door->routes = routes;
    door->asks = asks;
    door->peers = peers;
    rc = en_watch_new(&door->watch, node_loop(routes->node), asks, on_asked, door);
    if (rc == 0)
        rc = en_watch_set(door->watch, true, false);
    if (rc != 0) {
        route_door_free(door);
        return rc;
    }
    *out = door;
    return 0;
}

void route_door_free(struct route_door *door)
{
    if (door == NULL)
        return;
    en_watch_free(door->watch);
    (void)close(door->asks);
    (void)close(door->peers);
    free(door);
}
