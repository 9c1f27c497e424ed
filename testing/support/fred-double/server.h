/*
 * server.h - a node's gRPC server: mutual TLS, who calls, faults, answers.
 *
 * Threads  server_start and server_stop from one thread; the rest runs in threads of its own.
 */
#ifndef DOUBLE_SERVER_H
#define DOUBLE_SERVER_H

#include "cluster.h"
#include "faults.h"
#include "living.h"

struct server;

struct server_options {
    struct cluster *cluster;
    struct node *node;
    struct faults *faults;
    struct living *living;
    const char *address; /* "HOST:PORT" */
    const char *ca;      /* PEM texts */
    const char *certificate;
    const char *key;
    bool skips_source_check; /* FReD's --skip-verify */
};

/* NULL if the address cannot be had. *port_out is the real one. */
struct server *server_start(const struct server_options *options, int *port_out);
/* Ends all connections at once. */
void server_stop(struct server *server);

/* A black hole: see sockets.h. Healing also ends what FAULT_DROP did. */
void server_silence(struct server *server);
void server_heal(struct server *server);

#endif
