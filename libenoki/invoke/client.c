#include "invoke/client.h"

#include "invoke/server.h"

#include <stdlib.h>
#include <sys/socket.h>

int en_client_new(struct enoki_connection **out, struct enoki_server *server,
                  const struct en_site *site, int fd, struct en_transport *transport,
                  uint64_t now_ms)
{
    struct en_connection_options options = {
        .transport = transport,
        .limits = site->limits != NULL ? site->limits : en_server_limits(server),
        .budget = site->limits != NULL ? NULL : en_server_input_budget(server)};
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
    client->site = site;
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

void en_client_kick(struct enoki_connection *client)
{
    bool writing = atomic_load_explicit(&client->waits_write, memory_order_relaxed);

    /* Fails only if the peer is gone already, which makes the socket ready just as well. */
    (void)shutdown(en_connection_fd(client->http), writing ? SHUT_RDWR : SHUT_RD);
}

static void refuse(int why, struct en_reply *reply)
{
    const char *text = why == ENOKI_ELIMIT ? "too many calls are waiting: try again later\n"
                                           : "no memory for this call: try again later\n";

    en_reply_text(reply, 503, text);
    if (en_reply_add_header(reply, "Retry-After", "1", NULL) != 0)
        en_reply_text(reply, 503, text);
    reply->is_ours = true;
}

void en_client_answer(enum en_route route, int refused, struct en_reply *reply)
{
    if (refused != 0)
        refuse(refused, reply);
    else
        en_route_answer(route, reply);
}
