/*
 * messages.h - FReD's messages at the node's side: what a request says, and answers as bytes.
 *
 * Memory   Fields point into the decoded request, until fields_fini(). Answers are allocated.
 */
#ifndef DOUBLE_MESSAGES_H
#define DOUBLE_MESSAGES_H

#include "cluster.h"

/* All that any request may say; what it does not is empty or 0. */
struct fields {
    void *message;
    struct text keygroup;
    struct text id;
    struct text value;
    uint64_t number; /* of an append */
    uint64_t count;
    bool is_mutable;
    int64_t expiry_s;
    int32_t role;
    size_t clock_count;
    struct clock *clocks;
    /* Allocated: as texts that end at their first NUL. */
    char *node;
    char *user;
    char *trigger;
    char *host;
};

enum fields_result { FIELDS_OK, FIELDS_BROKEN, FIELDS_NO_TEXT };

/* method is the call's name. On anything but OK there is nothing to release. */
enum fields_result fields_read(struct fields *fields, const char *method, struct text bytes);
void fields_fini(struct fields *fields);

/* Versions that were found, in order; they are borrowed until the answer is made. */
struct found {
    size_t count;
    size_t room;
    const char **ids;
    const struct version **versions;
};

void found_add(struct found *found, const char *id, const struct version *version);
void found_fini(struct found *found);

struct text message_items(const struct found *found);
struct text message_keys(const struct found *found);
struct text message_version(const struct clock *clock);
struct text message_append(const char *id);
struct text message_keygroup_info(const struct keygroup *keygroup);
struct text message_node(const struct node *node);
struct text message_nodes(const struct cluster *cluster);
struct text message_triggers(const struct local *local);

#endif
