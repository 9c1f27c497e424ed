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
    atomic_init(&client->waits_write, false);
    atomic_init(&client->is_idle, true);
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

void en_client_refuse(int status, struct en_reply *reply)
{
    const char *text = status == ENOKI_ELIMIT ? "too many calls are waiting: try again later\n"
                                              : "no memory for this call: try again later\n";

    en_reply_text(reply, 503, text);
    if (en_reply_add_header(reply, "Retry-After", "1", NULL) != 0)
        en_reply_text(reply, 503, text);
}
