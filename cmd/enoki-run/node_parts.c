#include "node_inside.h"

#include "base/clock.h"

const struct en_log *node_log(const struct node *node)
{
    return &node->log;
}

struct en_loop *node_loop(struct node *node)
{
    return en_server_loop(node->server);
}

const struct enoki_node_settings *node_settings(const struct node *node)
{
    return &node->settings;
}

struct enoki_server *node_server(const struct node *node)
{
    return node->server;
}

const struct en_site *node_site(const struct node *node)
{
    return &node->site;
}

struct admission *node_admission(struct node *node)
{
    return &node->admission;
}

struct log_files *node_log_files(struct node *node)
{
    return node->log_files;
}

struct keeper *node_keeper(const struct node *node)
{
    return node->keeper;
}

int node_open_keeper(struct node *node)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    int rc = node->keeper != NULL ? 0
                                  : keeper_new(&node->keeper, node, node->settings.async_path,
                                               node->settings.async_max_bytes, &err);

    if (rc != 0)
        en_log(&node->log, ENOKI_LOG_ERROR, "%s", err.message);
    return rc;
}

struct gate *node_gate(struct node *node)
{
    return &node->gate;
}

struct routes *node_routes(const struct node *node)
{
    return node->routes;
}

struct followers *node_followers(struct node *node)
{
    return node->followers;
}

uint64_t node_uptime_ms(const struct node *node)
{
    return en_clock_ms() - node->started_ms;
}

const struct work *node_work(const struct node *node)
{
    return node->work;
}

bool node_is_stopping(const struct node *node)
{
    return node->stopping;
}
