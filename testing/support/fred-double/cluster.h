/*
 * cluster.h - the nodes, what they know together (FReD keeps it in etcd) and how writes travel
 * between them.
 *
 *   names        keygroups with their members, roles, nodes: one truth for all nodes, at once
 *   stores       per node and keygroup, with that node's triggers
 *   replication  a write goes to the other members: at once and before the answer (sync), or by the
 *                carrier thread (async, or while messages are held or lag)
 *
 * Threads  lock it around everything here but cluster_new, cluster_end, cluster_free and
 *          cluster_fire.
 */
#ifndef DOUBLE_CLUSTER_H
#define DOUBLE_CLUSTER_H

#include "store.h"
#include "table.h"

#include <pthread.h>

#define NODES_MAX 16

enum permission {
    MAY_READ = 1 << 0,
    MAY_UPDATE = 1 << 1,
    MAY_DELETE = 1 << 2,
    MAY_ADD_REPLICA = 1 << 3,
    MAY_GET_REPLICA = 1 << 4,
    MAY_REMOVE_REPLICA = 1 << 5,
    MAY_GET_TRIGGER = 1 << 6,
    MAY_ADD_TRIGGER = 1 << 7,
    MAY_REMOVE_TRIGGER = 1 << 8,
    MAY_DELETE_KEYGROUP = 1 << 9,
    MAY_ADD_USER = 1 << 10,
    MAY_REMOVE_USER = 1 << 11,
};

/* Of FReD's five roles; 0 for a number that is none. */
unsigned permissions_of_role(int32_t role);
#define ALL_ROLES 5

struct trigger {
    char *id;
    char *host;
};

/* A keygroup at a node. */
struct local {
    struct store *store;
    size_t trigger_count;
    struct trigger *triggers;
};

struct node {
    char *id;
    char *host;           /* as published */
    struct table *locals; /* struct local by keygroup */
    bool is_up;
};

struct member {
    struct node *node;
    bool is_in;
    int64_t expiry_s;
};

struct keygroup {
    char *name;
    bool exists;
    bool is_mutable;
    size_t member_count; /* of all that ever were */
    struct member members[NODES_MAX];
};

/* A trigger that has to be called once the lock is released. */
struct firing {
    struct firing *next;
    bool is_put;
    bool is_local; /* the write was a client's at this node: a failure is its failure */
    char *host;
    char *keygroup;
    char *id;
    struct text value;
};

/* A write whose answer waits for messages that are on their way. */
struct waiter {
    unsigned left;
    void (*done)(struct waiter *waiter); /* called with the lock held */
    void *context;
};

struct message;

struct cluster {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the carrier has something to do */
    size_t node_count;
    struct node nodes[NODES_MAX];
    struct table *keygroups;
    struct table *permissions; /* "user|keygroup": a mask */
    bool is_async;
    bool is_held;
    bool is_cut;
    bool is_ending;
    uint64_t lag_ms;
    struct message *first;
    struct message *last;
    pthread_t carrier;
};

void cluster_new(struct cluster *cluster, bool is_async);
/* Loses the messages that are on their way: nobody waits any more. Before the servers end. */
void cluster_end(struct cluster *cluster);
void cluster_free(struct cluster *cluster);

/* Whether a message of another node gets there. */
bool cluster_reaches(const struct cluster *cluster, const struct node *to);

struct node *cluster_node(struct cluster *cluster, const char *id);
struct keygroup *cluster_keygroup(struct cluster *cluster, const char *name, bool create);
struct member *keygroup_member(struct keygroup *keygroup, const struct node *node, bool create);

bool cluster_may(struct cluster *cluster, const char *user, const char *keygroup,
                 enum permission permission);
void cluster_grant(struct cluster *cluster, const char *user, const char *keygroup, unsigned mask);
void cluster_revoke(struct cluster *cluster, const char *user, const char *keygroup, unsigned mask);

struct local *node_local(const struct node *node, const char *keygroup);
struct local *node_add_local(struct node *node, const char *keygroup);
void node_drop_local(struct node *node, const char *keygroup);
/* Drops everything: the node has lost its data. */
void node_forget(struct node *node);
void local_drop_trigger(struct local *local, const char *id);
void local_set_trigger(struct local *local, const char *id, const char *host);

/* What a write carries to the other members. */
struct carried {
    const char *keygroup;
    struct text id;
    struct text value;
    const struct clock *clock; /* NULL: an append */
    bool is_removal;
};

/* Fires the node's own triggers and sends to the other members. What has to be called is put in
 * front of *firings; waiter->left grows by the messages that the answer has to wait for. */
void cluster_spread(struct cluster *cluster, struct node *from, const struct carried *carried,
                    struct firing **firings, struct waiter *waiter);

/* Calls the triggers, without the lock, and releases the list. False if one of a local write could
 * not be reached. */
bool cluster_fire(struct firing *firings);

uint64_t now_ms(void);

#endif
