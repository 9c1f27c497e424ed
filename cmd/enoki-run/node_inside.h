/*
 * node_inside.h - what a node is made of; for node.c and node_parts.c alone.
 *
 * Threads  loop thread.
 */
#ifndef NODE_INSIDE_H
#define NODE_INSIDE_H

#include "arrivals.h"
#include "follow.h"
#include "keeper.h"
#include "log_files.h"
#include "manage.h"
#include "node.h"
#include "ports.h"
#include "roster.h"
#include "routes.h"

struct node {
    struct en_options *options;
    struct enoki_config *reloaded; /* by the last SIGHUP; NULL: options has the settings */
    struct enoki_node_settings settings;
    const char *file;
    struct en_log log;
    struct enoki_server *server;
    struct en_site site;
    struct arrivals *arrivals; /* by protocols that are not HTTP */
    struct routes *routes;
    struct manage *manage; /* NULL: no management listener */
    struct ports ports;

    struct admission admission;
    struct gate gate;
    struct keeper *keeper;       /* NULL: nothing is kept on disk */
    struct log_files *log_files; /* NULL: lines are in memory alone */
    struct work *work;
    struct roster roster;
    struct function *retired; /* until they are done */
    struct function *done;    /* to be freed once no caller is inside them */
    struct en_soon *reaping;
    uint64_t started_ms;
    struct service *service;     /* NULL: systemd does not ask */
    struct followers *followers; /* of the functions' output */
    struct en_timer *timer;
    struct en_signal *hup;
    uint64_t look_at_ms;
    uint64_t strays_until_ms; /* 0: none are expected */
    bool stopping;
};

/* leftovers.c: ends what runtimes have left behind, if any has ended of late. */
void node_end_strays(struct node *node, uint64_t now_ms);

#endif
