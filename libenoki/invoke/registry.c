#include "invoke/server_state.h"

void en_server_add_connection(struct enoki_server *server, struct enoki_connection *connection)
{
    (void)pthread_mutex_lock(&server->mutex);
    connection->previous = NULL;
    connection->next = server->connections;
    if (server->connections != NULL)
        server->connections->previous = connection;
    server->connections = connection;
    server->connection_count++;
    (void)pthread_mutex_unlock(&server->mutex);
}

void en_server_remove_connection(struct enoki_server *server, struct enoki_connection *connection)
{
    bool last;

    (void)pthread_mutex_lock(&server->mutex);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    server->connection_count--;
    last = server->connection_count == 0;
    (void)pthread_mutex_unlock(&server->mutex);
    if (last)
        en_server_check(server);
}

size_t en_server_connection_count(struct enoki_server *server)
{
    size_t count;

    (void)pthread_mutex_lock(&server->mutex);
    count = server->connection_count;
    (void)pthread_mutex_unlock(&server->mutex);
    return count;
}

uint64_t en_server_sweep(struct enoki_server *server, uint64_t now_ms)
{
    uint64_t earliest = UINT64_MAX;

    /* The lock keeps sockets from being closed, and their numbers from being used again. */
    (void)pthread_mutex_lock(&server->mutex);
    for (struct enoki_connection *c = server->connections; c != NULL; c = c->next) {
        uint64_t deadline = atomic_load(&c->deadline_ms);

        if (deadline <= now_ms)
            en_client_kick(c);
        else if (deadline < earliest)
            earliest = deadline;
    }
    (void)pthread_mutex_unlock(&server->mutex);
    return earliest;
}

bool en_server_kick_oldest(struct enoki_server *server)
{
    struct enoki_connection *oldest = NULL;
    uint64_t earliest = UINT64_MAX;

    (void)pthread_mutex_lock(&server->mutex);
    for (struct enoki_connection *c = server->connections; c != NULL; c = c->next) {
        uint64_t deadline = atomic_load(&c->deadline_ms);
        bool spare = c->reader != NULL && en_connection_lingers(c->http);

        if ((spare || atomic_load(&c->is_idle)) && deadline < earliest) {
            earliest = deadline;
            oldest = c;
        }
    }
    if (oldest != NULL) {
        en_client_kick(oldest);
        atomic_store(&oldest->is_idle, false); /* not once more */
        atomic_store(&oldest->deadline_ms, UINT64_MAX);
    }
    (void)pthread_mutex_unlock(&server->mutex);
    return oldest != NULL;
}

void en_server_kick_idle(struct enoki_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    for (struct enoki_connection *c = server->connections; c != NULL; c = c->next) {
        if (atomic_load(&c->is_idle))
            en_client_kick(c);
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

void en_server_check(struct enoki_server *server)
{
    if (atomic_load(&server->draining) && server->wake != NULL)
        en_wake_send(server->wake);
}
