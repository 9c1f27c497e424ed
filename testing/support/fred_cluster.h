/*
 * fred_cluster.h - FReD nodes for a test: the program fred-double on free ports, with certificates.
 *
 *   struct fred_cluster cluster;
 *   fred_cluster_start(&cluster, folder, 2, "sync");
 *   fred_cluster_uri(&cluster, 0, "alice", "&admin=admin", uri, sizeof(uri));
 *   fred_cluster_control(&cluster, "hold");
 *   fred_cluster_stop(&cluster);
 *
 * Certificates: nodeA, nodeB, ... and the users admin, alice and bob, in FOLDER/certs. What fails
 * fails the test. The program dies with its parent.
 */
#ifndef FRED_CLUSTER_H
#define FRED_CLUSTER_H

#include <stddef.h>
#include <sys/types.h>

#define FRED_NODES_MAX 3

struct fred_cluster {
    pid_t pid;
    size_t count;
    char certs[200];
    char control[100];
    char addresses[FRED_NODES_MAX][32]; /* "127.0.0.1:PORT" */
};

void fred_cluster_start(struct fred_cluster *cluster, const char *folder, size_t count,
                        const char *replication);
void fred_cluster_stop(struct fred_cluster *cluster);

/* A line to the double; fails the test if it is refused. */
void fred_cluster_control(const struct fred_cluster *cluster, const char *line);

/* "fred://..." of one node as that user; more begins with '&'. */
void fred_cluster_uri(const struct fred_cluster *cluster, size_t node, const char *user,
                      const char *more, char *out, size_t room);

#endif
