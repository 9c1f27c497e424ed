#include "run.h"

#include <string.h>

/* --- keygroups ---------------------------------------------------------------------------------
 */

static bool is_legal(const struct run *run)
{
    return strlen(run->keygroup) == run->fields.keygroup.len && is_legal_name(run->fields.keygroup);
}

void run_create_keygroup(struct run *run)
{
    struct keygroup *made = cluster_keygroup(run->cluster, run->keygroup, true);
    struct member *member;

    if (made->exists) {
        run_fail(run, "error creating keygroup");
        return;
    }
    made->exists = true;
    made->is_mutable = run->fields.is_mutable;
    for (size_t i = 0; i < made->member_count; i++)
        made->members[i].is_in = false;
    /* A name that the store refuses exists from now on, and is nobody's. */
    if (!is_legal(run)) {
        run_fail(run, "error creating keygroup");
        return;
    }
    member = keygroup_member(made, run->request->node, true);
    member->is_in = true;
    member->expiry_s = run->fields.expiry_s;
    if (run_here(run) == NULL)
        (void)node_add_local(run->request->node, run->keygroup);
    for (int32_t role = 0; role < ALL_ROLES; role++)
        cluster_grant(run->cluster, run->request->user, run->keygroup, permissions_of_role(role));
}

void run_delete_keygroup(struct run *run)
{
    struct keygroup *gone = run_keygroup(run);

    if (!run_may(run, MAY_DELETE_KEYGROUP, "cannot delete keygroup"))
        return;
    if (run_here(run) == NULL) {
        run_fail(run, "error deleting keygroup");
        return;
    }
    for (size_t i = 0; i < gone->member_count; i++) {
        struct node *node = gone->members[i].node;

        /* A member that does not hear of it keeps its data. */
        if (node == run->request->node || cluster_reaches(run->cluster, node))
            node_drop_local(node, run->keygroup);
        gone->members[i].is_in = false;
    }
    gone->exists = false;
}

void run_keygroup_info(struct run *run)
{
    if (!run_may(run, MAY_GET_REPLICA, "cannot get replica for keygroup"))
        return;
    run->answer->bytes = message_keygroup_info(run_keygroup(run));
}

struct copy {
    struct store *to;
    int64_t expiry_s;
    bool without_tombstones;
    bool is_log;
};

static bool copy_version(void *context, const struct item *item, const struct version *version)
{
    const struct copy *copy = context;
    const struct text id = {item->id, strlen(item->id)};
    const struct text value = {version->value, version->len};

    if (copy->is_log)
        (void)store_append(copy->to, id, value, copy->expiry_s, now_ms());
    else if (value.len > 0 || !copy->without_tombstones)
        store_put(copy->to, id, value, &version->clock, copy->expiry_s, now_ms());
    return true;
}

static const struct member *longest_lived(struct keygroup *of)
{
    const struct member *best = NULL;

    for (size_t i = 0; i < of->member_count; i++) {
        const struct member *member = &of->members[i];

        if (member->is_in && (best == NULL || (best->expiry_s > 0 && member->expiry_s <= 0) ||
                              (best->expiry_s > 0 && member->expiry_s > best->expiry_s)))
            best = member;
    }
    return best;
}

static void copy_to(struct run *run, struct node *node, int64_t expiry_s)
{
    struct keygroup *of = run_keygroup(run);
    const struct member *source = longest_lived(of);
    struct local *from = run_here(run);
    struct copy copy = {.expiry_s = expiry_s, .is_log = !of->is_mutable};

    /* A new node that is asked itself fetches the data without tombstones. */
    copy.without_tombstones = node == run->request->node;
    if (from == NULL && source != NULL)
        from = node_local(source->node, run->keygroup);
    node_drop_local(node, run->keygroup);
    copy.to = node_add_local(node, run->keygroup)->store;
    if (from != NULL)
        store_walk(from->store, now_ms(), copy_version, &copy);
}

void run_add_replica(struct run *run)
{
    struct node *node = cluster_node(run->cluster, run->fields.node);
    struct member *member;

    if (!run_may(run, MAY_ADD_REPLICA, "cannot add replica to keygroup"))
        return;
    if (node == NULL || (run_here(run) == NULL && node != run->request->node)) {
        run_fail(run, "error adding replica");
        return;
    }
    member = keygroup_member(run_keygroup(run), node, true);
    member->expiry_s = run->fields.expiry_s;
    if (member->is_in || (node != run->request->node && !cluster_reaches(run->cluster, node))) {
        run_fail(run, "error adding replica");
        return;
    }
    copy_to(run, node, member->expiry_s);
    member->is_in = true;
}

void run_remove_replica(struct run *run)
{
    const struct node *node = cluster_node(run->cluster, run->fields.node);
    struct member *member;
    size_t members = 0;

    if (!run_may(run, MAY_REMOVE_REPLICA, "cannot remove replica of keygroup"))
        return;
    for (size_t i = 0; i < run_keygroup(run)->member_count; i++)
        members += run_keygroup(run)->members[i].is_in ? 1 : 0;
    member = node == NULL ? NULL : keygroup_member(run_keygroup(run), node, false);
    if (member == NULL || !member->is_in || members < 2 ||
        (node != run->request->node && !cluster_reaches(run->cluster, node))) {
        run_fail(run, "error removing replica");
        return;
    }
    node_drop_local(member->node, run->keygroup);
    member->is_in = false;
}

void run_get_replica(struct run *run)
{
    const struct node *node = cluster_node(run->cluster, run->fields.node);

    if (node == NULL)
        answer_error(run->answer, UNKNOWN, "no such node with nodeId=%s", run->fields.node);
    else
        run->answer->bytes = message_node(node);
}

void run_all_replicas(struct run *run)
{
    run->answer->bytes = message_nodes(run->cluster);
}

/* --- users and triggers ------------------------------------------------------------------------
 */

void run_add_user(struct run *run)
{
    if (run_may(run, MAY_ADD_USER, "cannot add user permissions to keygroup"))
        cluster_grant(run->cluster, run->fields.user, run->keygroup,
                      permissions_of_role(run->fields.role));
}

void run_remove_user(struct run *run)
{
    if (run_may(run, MAY_REMOVE_USER, "cannot remove user permissions to keygroup"))
        cluster_revoke(run->cluster, run->fields.user, run->keygroup,
                       permissions_of_role(run->fields.role));
}

void run_get_triggers(struct run *run)
{
    if (!run_may(run, MAY_GET_TRIGGER, "cannot get triggers for keygroup"))
        return;
    if (run_here(run) == NULL)
        answer_error(run->answer, UNKNOWN, "no such keygroup in store: %s", run->keygroup);
    else
        run->answer->bytes = message_triggers(run_here(run));
}

void run_add_trigger(struct run *run)
{
    if (!run_may(run, MAY_ADD_TRIGGER, "cannot add trigger to keygroup"))
        return;
    if (run_here(run) == NULL)
        run_fail(run, "error adding replica");
    else
        local_set_trigger(run_here(run), run->fields.trigger, run->fields.host);
}

void run_remove_trigger(struct run *run)
{
    if (!run_may(run, MAY_REMOVE_TRIGGER, "cannot remove triggers from keygroup"))
        return;
    if (run_here(run) == NULL)
        run_fail(run, "error removing trigger");
    else
        local_drop_trigger(run_here(run), run->fields.trigger);
}
