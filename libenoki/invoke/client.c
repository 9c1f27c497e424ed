#include "invoke/client.h"

#include <stdlib.h>

int en_client_new(struct enoki_connection **out, struct enoki_server *server, int fd,
                  uint64_t now_ms)
{
    const struct enoki_runtime *runtime = enoki_server_runtime(server);
    struct en_connection_options options = {.limits = &enoki_runtime_function(runtime)->limits};
    struct enoki_connection *client = calloc(1, sizeof(*client));
    int rc;

    if (client == NULL)
        return ENOKI_ENOMEM;
    rc = en_connection_new(&client->http, fd, &options, now_ms);
    if (rc != 0) {
        free(client);
        return rc;
    }
    client->server = server;
    atomic_init(&client->deadline_ms, en_connection_deadline(client->http));
    atomic_init(&client->waits_write, 0);
    atomic_init(&client->is_idle, 1);
    *out = client;
    return 0;
}

void en_client_free(struct enoki_connection *client)
{
    if (client == NULL)
        return;
    en_connection_free(client->http);
    free(client);
}
