/*
 * keygroup.h - look at and change where FReD keeps a keygroup, and who may use it.
 *
 *   struct enoki_keygroup_info *info = NULL;
 *   if (enoki_keygroup_show(&info, uri, "tinyFaaSdemo", &err) == 0)
 *       printf("%zu replicas\n", info->replica_count);
 *   enoki_keygroup_info_free(info);
 *
 * uri is a "fred://..." as for enoki_state_open(); calls are made as its admin, else as its user,
 * at its first node that answers. Nothing here is done by a function's start or end: a keygroup
 * lives until somebody deletes it.
 *
 * Memory   What a call hands out is owned by the caller.
 * Threads  any thread.    Fork  after.
 * Errors   ENOKI_EINVAL (a name, the URI, or a state that FReD does not keep), ENOKI_EDENIED (no
 *          such keygroup, or this user may not: FReD does not tell which), ENOKI_EUNAVAILABLE,
 *          ENOKI_ETIMEOUT, ENOKI_ETLS, ENOKI_EIO (FReD refuses), ENOKI_ENOMEM.
 */
#ifndef ENOKI_KEYGROUP_H
#define ENOKI_KEYGROUP_H

#include <enoki/base.h>
#include <enoki/error.h>

struct enoki_keygroup_replica {
    const char *node;
    const char *host; /* "IP:PORT", as the node publishes it */
    int64_t expiry_s; /* of items at that node; 0 or less: never */
};

struct enoki_keygroup_info {
    int is_append_only;
    size_t replica_count;
    struct enoki_keygroup_replica *replicas; /* in the order of the nodes' names */
};

ENOKI_API ENOKI_MUST_CHECK int enoki_keygroup_show(struct enoki_keygroup_info **out,
                                                   const char *uri, const char *keygroup,
                                                   struct enoki_error *err);
/* NULL is allowed. */
ENOKI_API void enoki_keygroup_info_free(struct enoki_keygroup_info *info);

/* Makes a node a replica, with all data. expiry_s 0: items stay. */
ENOKI_API ENOKI_MUST_CHECK int enoki_keygroup_replicate(const char *uri, const char *keygroup,
                                                        const char *node, int64_t expiry_s,
                                                        struct enoki_error *err);
/* Takes the replica and its data away. The last one cannot be. */
ENOKI_API ENOKI_MUST_CHECK int enoki_keygroup_unreplicate(const char *uri, const char *keygroup,
                                                          const char *node,
                                                          struct enoki_error *err);

/* Deletes the keygroup with all data at all nodes, and this machine's session (session=DIR). Roles
 * stay with the name. With "embedded:DIR" its folder goes: ENOKI_ENOTFOUND there is none,
 * ENOKI_ECLOSED some process has it open. */
ENOKI_API ENOKI_MUST_CHECK int enoki_keygroup_delete(const char *uri, const char *keygroup,
                                                     struct enoki_error *err);

/* Gives a user what a function needs (read, write, configure replicas), or takes all roles away. */
ENOKI_API ENOKI_MUST_CHECK int enoki_keygroup_grant(const char *uri, const char *keygroup,
                                                    const char *user, struct enoki_error *err);
ENOKI_API ENOKI_MUST_CHECK int enoki_keygroup_revoke(const char *uri, const char *keygroup,
                                                     const char *user, struct enoki_error *err);

#endif
