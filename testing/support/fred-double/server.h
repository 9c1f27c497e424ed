/*
 * server.h - a node's gRPC server: mutual TLS, who calls, faults, answers.
 *
 * Threads  server_start and server_stop from one thread; the rest runs in threads of its own.
 */
#ifndef DOUBLE_SERVER_H
#define DOUBLE_SERVER_H

#include "cluster.h"
#include "faults.h"

struct server;

/* The threads of servers; zero but for its lock and condition. */
struct living {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned count;
    size_t ended_count; /* to be joined */
    pthread_t *ended;
};

/* Until all have ended; false if some still live after so long. */
bool living_wait(struct living *living, unsigned limit_s);

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
