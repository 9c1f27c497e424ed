/*
 * fred.h - FReD's client API as typed calls to one node each. The table is what the module "rpc"
 * (base/module.h) exports; nothing above it sees gRPC or protobuf-c.
 *
 *   const struct en_fred_api *api;
 *   en_fred_api_load(&api, err)
 *   api->client_new(&client, log, err)                       once per process
 *   api->link_new(&link, client, "10.0.0.5:9001", &identity, err)
 *   api->read(link, deadline_ms, "tinyFaaSdemo", "x", &items, err)
 *   api->items_free(&items)
 *
 * No policy here: no retry, no failover, no session; one call is one message to that node.
 *
 * Results  Calls return an enum en_fred_result. For everything but OK err has the status of
 *          libenoki that fits, and a message that names the node and keeps FReD's words.
 * Deadlines  in ms of CLOCK_MONOTONIC.
 * Memory   Arguments are borrowed for the call. Items and lists are freed with their _free.
 * Threads  any thread; calls on one link run at the same time over one connection, without a lock
 *          around them. One thread of the client's own completes them.
 * Fork     after: never in a process that forks later, see module.h.
 */
#ifndef EN_FRED_API_H
#define EN_FRED_API_H

#include "base/log.h"
#include "base/module.h"
#include "wire/version.h"

struct en_fred_client; /* gRPC and its thread */
struct en_fred_link;   /* the connection to one node, made on first use and again when lost */

/* One row per thing that a caller would do differently. */
enum en_fred_result {
    EN_FRED_OK = 0,
    EN_FRED_NOT_FOUND,     /* no such item (ENOTFOUND); for keys and scan also: no such start */
    EN_FRED_REFUSED,       /* "error updating item": mostly a conflict (ECONFLICT), see spec */
    EN_FRED_DENIED,        /* no permission, no such keygroup, or etcd is down (EDENIED) */
    EN_FRED_OTHER_KIND,    /* mutable, append-only (EKIND) */
    EN_FRED_NOT_HERE,      /* "error reading item": the node has no such keygroup (EUNAVAILABLE) */
    EN_FRED_FAILED,        /* another refusal of an operation: exists, no such node, ... (EIO) */
    EN_FRED_TOO_LARGE,     /* a message above what gRPC carries (ELIMIT) */
    EN_FRED_INVALID,       /* not UTF-8, malformed (EINVAL) */
    EN_FRED_UNIMPLEMENTED, /* the node does not know the call: Keys before v0.2.19 (EPROTO) */
    EN_FRED_UNREACHABLE,   /* certainly not done: no connection, no TLS (EUNAVAILABLE) */
    EN_FRED_LOST,          /* connection lost: a write may have been done (EUNAVAILABLE) */
    EN_FRED_TIMEOUT,       /* deadline passed: a write may have been done (ETIMEOUT) */
    EN_FRED_BROKEN,        /* an answer that is no answer: a write may have been done (EPROTO) */
    EN_FRED_NO_MEMORY,     /* (ENOMEM) */
};

/* PEM texts, checked before (tls.h); borrowed for the call. */
struct en_fred_identity {
    const char *ca;
    const char *certificate; /* with its chain, leaf first */
    const char *key;
};

struct en_fred_item {
    const char *id;
    const char *value; /* as on the wire; "" for a tombstone, and from keys */
    size_t value_len;
    struct en_version_view version;
};

struct en_fred_items {
    struct en_fred_item *items;
    size_t count;
    void *memory;
};

/* A replica of a keygroup, or a node. */
struct en_fred_replica {
    const char *node;
    const char *host; /* "IP:PORT" as the node publishes it */
    int64_t expiry_s;
};

struct en_fred_replicas {
    struct en_fred_replica *replicas;
    size_t count;
    bool is_mutable; /* from keygroup_info */
    void *memory;
};

enum en_fred_role {
    EN_FRED_READ_KEYGROUP = 0,
    EN_FRED_WRITE_KEYGROUP = 1,
    EN_FRED_CONFIGURE_REPLICA = 2,
    EN_FRED_CONFIGURE_TRIGGER = 3,
    EN_FRED_CONFIGURE_KEYGROUPS = 4,
};

/* An update or a removal. versions with count 0: blind. A clock without entries is sent as such. */
struct en_fred_write {
    const char *keygroup;
    const char *id;
    const void *value; /* NULL: remove. Must be valid UTF-8 */
    size_t value_len;
    const struct en_version_view *versions;
    size_t version_count;
};

struct en_fred_api {
    struct en_module module; /* "rpc" */

    /* ENOKI_ENOMEM, ENOKI_EIO. log is borrowed until the client is freed; may be NULL. */
    int (*client_new)(struct en_fred_client **out, const struct en_log *log,
                      struct enoki_error *err);
    /* After all its links were freed. NULL is allowed. */
    void (*client_free)(struct en_fred_client *client);

    /* Does not connect. The node's certificate must be valid for the host in address ("HOST:PORT").
     * ENOKI_EINVAL, ENOKI_ENOMEM, ENOKI_ETLS */
    int (*link_new)(struct en_fred_link **out, struct en_fred_client *client, const char *address,
                    const struct en_fred_identity *identity, struct enoki_error *err);
    /* No call may be in progress. NULL is allowed. */
    void (*link_free)(struct en_fred_link *link);

    void (*items_free)(struct en_fred_items *items);
    void (*replicas_free)(struct en_fred_replicas *replicas);

    enum en_fred_result (*read)(struct en_fred_link *link, uint64_t deadline_ms,
                                const char *keygroup, const char *id, struct en_fred_items *out,
                                struct enoki_error *err);
    /* with_values: Scan, else Keys. Tombstones are among the items, with an empty value. */
    enum en_fred_result (*scan)(struct en_fred_link *link, uint64_t deadline_ms,
                                const char *keygroup, const char *start, uint64_t count,
                                bool with_values, struct en_fred_items *out,
                                struct enoki_error *err);
    /* Update or Delete. Appends the new version, encoded as in wire/version.h, to *made. */
    enum en_fred_result (*write)(struct en_fred_link *link, uint64_t deadline_ms,
                                 const struct en_fred_write *write, struct en_buffer *made,
                                 struct enoki_error *err);
    enum en_fred_result (*append)(struct en_fred_link *link, uint64_t deadline_ms,
                                  const char *keygroup, uint64_t id, const void *value,
                                  size_t value_len, struct enoki_error *err);

    enum en_fred_result (*create_keygroup)(struct en_fred_link *link, uint64_t deadline_ms,
                                           const char *keygroup, bool is_mutable, int64_t expiry_s,
                                           struct enoki_error *err);
    enum en_fred_result (*delete_keygroup)(struct en_fred_link *link, uint64_t deadline_ms,
                                           const char *keygroup, struct enoki_error *err);
    enum en_fred_result (*keygroup_info)(struct en_fred_link *link, uint64_t deadline_ms,
                                         const char *keygroup, struct en_fred_replicas *out,
                                         struct enoki_error *err);
    enum en_fred_result (*add_replica)(struct en_fred_link *link, uint64_t deadline_ms,
                                       const char *keygroup, const char *node, int64_t expiry_s,
                                       struct enoki_error *err);
    enum en_fred_result (*remove_replica)(struct en_fred_link *link, uint64_t deadline_ms,
                                          const char *keygroup, const char *node,
                                          struct enoki_error *err);
    /* Every node that was ever registered; order is random. */
    enum en_fred_result (*all_nodes)(struct en_fred_link *link, uint64_t deadline_ms,
                                     struct en_fred_replicas *out, struct enoki_error *err);
    enum en_fred_result (*add_user)(struct en_fred_link *link, uint64_t deadline_ms,
                                    const char *user, const char *keygroup, enum en_fred_role role,
                                    struct enoki_error *err);
    enum en_fred_result (*remove_user)(struct en_fred_link *link, uint64_t deadline_ms,
                                       const char *user, const char *keygroup,
                                       enum en_fred_role role, struct enoki_error *err);
};

/* Loads the module. ENOKI_EIO */
ENOKI_MUST_CHECK int en_fred_api_load(const struct en_fred_api **out, struct enoki_error *err);

#endif
