#include "state.h"

#include "tool.h"

#include <enoki/state.h>

#include <stdio.h>

static struct enoki_state *handle(struct store *store)
{
    return (struct enoki_state *)store;
}

struct store *store_open(const char *directory, bool durable)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state;
    char uri[4096];

    snprintf(uri, sizeof(uri), "embedded:%s?durability=%s", directory,
             durable ? "sync" : "process");
    options.uri = uri;
    options.keygroup = "bench";
    if (enoki_state_open(&state, &options, &err) != 0)
        tool_die("%s", err.message);
    return (struct store *)state;
}

void store_close(struct store *store)
{
    enoki_state_free(handle(store));
}

size_t store_read(struct store *store, const char *id)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_items *items;
    size_t len;
    int status = enoki_state_read(handle(store), id, &items, &err);

    if (status == ENOKI_ENOTFOUND)
        return 0;
    if (status != 0)
        tool_die("%s", err.message);
    enoki_items_value(items, 0, &len);
    enoki_items_free(items);
    return len;
}

void store_update(struct store *store, const char *id, const void *value, size_t len)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (enoki_state_update(handle(store), id, value, len, NULL, &err) != 0)
        tool_die("%s", err.message);
}
