/*
 * run.h - one call while it runs, for the files that implement calls: calls.c has those of items,
 * names.c those of keygroups, replicas, users and triggers.
 *
 * Threads  with the cluster's lock held.
 */
#ifndef DOUBLE_RUN_H
#define DOUBLE_RUN_H

#include "calls.h"
#include "messages.h"

/* Texts that are looked up are NUL-terminated. */
struct run {
    const struct request *request;
    struct cluster *cluster;
    struct answer *answer;
    struct waiter *waiter;
    struct firing *firings;
    const char *trigger_failure; /* the error if a local trigger cannot be called */
    struct fields fields;
    char *keygroup;
};

/* The code of nearly every refusal. */
#define UNKNOWN 2

/* False, and the error, if the user lacks the permission. */
bool run_may(struct run *run, enum permission permission, const char *denial);
void run_fail(struct run *run, const char *text);
/* The keygroup at this node, or NULL; and as all know it. */
struct local *run_here(struct run *run);
struct keygroup *run_keygroup(struct run *run);

/* names.c */
void run_create_keygroup(struct run *run);
void run_delete_keygroup(struct run *run);
void run_keygroup_info(struct run *run);
void run_add_replica(struct run *run);
void run_remove_replica(struct run *run);
void run_get_replica(struct run *run);
void run_all_replicas(struct run *run);
void run_add_user(struct run *run);
void run_remove_user(struct run *run);
void run_get_triggers(struct run *run);
void run_add_trigger(struct run *run);
void run_remove_trigger(struct run *run);

#endif
