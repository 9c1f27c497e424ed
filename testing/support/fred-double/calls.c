#include "calls.h"

#include "messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN 2
#define INTERNAL 13

void answer_fini(struct answer *answer)
{
    free((char *)(uintptr_t)answer->message.data);
    free((char *)(uintptr_t)answer->bytes.data);
    *answer = (struct answer){0};
}

void answer_error(struct answer *answer, int code, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        need(NULL);
    answer_fini(answer);
    answer->code = code;
    answer->message = (struct text){text, (size_t)len};
}

/* An error text around an id, which may hold anything. */
static void error_around(struct answer *answer, const char *before, struct text id,
                         const char *after)
{
    size_t head = strlen(before), tail = strlen(after), len = head + id.len + tail;
    char *text = need(malloc(len + 1));

    memcpy(text, before, head);
    if (id.len > 0)
        memcpy(text + head, id.data, id.len);
    memcpy(text + head + id.len, after, tail + 1);
    answer_fini(answer);
    answer->code = UNKNOWN;
    answer->message = (struct text){text, len};
}

/* One call while it runs, with the lock held. Texts that are looked up are NUL-terminated. */
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

static bool may(struct run *run, enum permission permission, const char *denial)
{
    if (cluster_may(run->cluster, run->request->user, run->keygroup, permission))
        return true;
    answer_error(run->answer, UNKNOWN, "user %s %s %s", run->request->user, denial, run->keygroup);
    return false;
}

static void fail(struct run *run, const char *text)
{
    answer_error(run->answer, UNKNOWN, "%s", text);
}

static struct local *here(struct run *run)
{
    return node_local(run->request->node, run->keygroup);
}

static struct keygroup *keygroup(struct run *run)
{
    return cluster_keygroup(run->cluster, run->keygroup, false);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool collect(void *context, const struct item *item, const struct version *version)
{
    struct found *found = context;

    found_add(found, item->id, version);
    return true;
}

static void read_item(struct run *run)
{
    const struct fields *fields = &run->fields;
    struct found found = {0};
    struct local *local = here(run);
    enum store_result result = STORE_BAD_ID;
    char *after;

    if (!may(run, MAY_READ, "cannot read from keygroup"))
        return;
    if (local != NULL)
        result = store_read(local->store, fields->id, fields->clocks, fields->clock_count, now_ms(),
                            collect, &found);
    if (result == STORE_OK) {
        run->answer->bytes = message_items(&found);
    } else {
        if (asprintf(&after,
                     result == STORE_MISSING ? " not found in keygroup %s" : " from keygroup %s",
                     run->keygroup) < 0)
            need(NULL);
        error_around(run->answer, result == STORE_MISSING ? "item " : "error reading item ",
                     fields->id, after);
        free(after);
    }
    found_fini(&found);
}

static void scan(struct run *run, bool with_values)
{
    const struct fields *fields = &run->fields;
    struct found found = {0};
    struct local *local = here(run);
    enum store_result result = STORE_BAD_ID;
    char *before, *after;

    if (!may(run, MAY_READ, "cannot read from keygroup"))
        return;
    if (fields->count == 0) {
        fail(run, "count must be at least 1, got 0");
        return;
    }
    if (local != NULL)
        result = store_scan(local->store, fields->id, fields->count, now_ms(), collect, &found);
    if (result == STORE_OK) {
        run->answer->bytes = with_values ? message_items(&found) : message_keys(&found);
    } else {
        if (asprintf(&before, "error scanning %s%llu items starting at ",
                     with_values ? "" : "keys for ", (unsigned long long)fields->count) < 0 ||
            asprintf(&after, " from keygroup %s", run->keygroup) < 0)
            need(NULL);
        error_around(run->answer, before, fields->id, after);
        free(before);
        free(after);
    }
    found_fini(&found);
}

static void scan_items(struct run *run)
{
    scan(run, true);
}

static void scan_keys(struct run *run)
{
    scan(run, false);
}

/* --- writing -----------------------------------------------------------------------------------
 */

static struct store_write describe(struct run *run)
{
    const struct member *member = keygroup_member(keygroup(run), run->request->node, false);

    return (struct store_write){
        .id = run->fields.id,
        .value = run->fields.value,
        .given = run->fields.clocks,
        .given_count = run->fields.clock_count,
        .node = run->request->node->id,
        .expiry_s = member != NULL ? member->expiry_s : 0,
        .now_ms = now_ms(),
    };
}

static void spread(struct run *run, const struct clock *clock, bool is_removal, const char *failure)
{
    struct carried carried = {run->keygroup, run->fields.id, run->fields.value, clock, is_removal};

    if (is_removal)
        carried.value = (struct text){"", 0};
    run->trigger_failure = failure;
    cluster_spread(run->cluster, run->request->node, &carried, &run->firings, run->waiter);
}

static void update(struct run *run)
{
    struct local *local = here(run);
    struct store_write write;
    struct clock made;

    if (!may(run, MAY_UPDATE, "cannot update in keygroup"))
        return;
    if (!keygroup(run)->is_mutable) {
        error_around(run->answer, "cannot update item ", run->fields.id,
                     " because keygroup is immutable");
        return;
    }
    write = describe(run);
    if (local == NULL || write.value.len == 0 ||
        store_update(local->store, &write, &made) != STORE_OK) {
        fail(run, "error updating item");
        return;
    }
    run->answer->bytes = message_version(&made);
    spread(run, &made, false, "error updating item");
    clock_fini(&made);
}

static void remove_item(struct run *run)
{
    struct local *local = here(run);
    enum store_result result = STORE_MISSING;
    struct store_write write;
    struct clock made;

    if (!may(run, MAY_DELETE, "cannot delete keygroup"))
        return;
    if (!keygroup(run)->is_mutable) {
        error_around(run->answer, "cannot update item ", run->fields.id,
                     " because keygroup is immutable");
        return;
    }
    write = describe(run);
    if (local != NULL)
        result = store_remove(local->store, &write, &made);
    if (result != STORE_OK) {
        fail(run, result == STORE_MISSING ? "item does not exist so it cannot be deleted"
                                          : "error updating item");
        return;
    }
    run->answer->bytes = message_version(&made);
    spread(run, &made, true, "error deleting item");
    clock_fini(&made);
}

static void append(struct run *run)
{
    struct local *local = here(run);
    const struct member *member;
    char id[24];

    (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)run->fields.number);
    run->fields.id = (struct text){id, strlen(id)};
    if (!may(run, MAY_UPDATE, "cannot update in keygroup"))
        return;
    if (keygroup(run)->is_mutable) {
        error_around(run->answer, "cannot append ", run->fields.id, " to mutable keygroup");
        return;
    }
    member = keygroup_member(keygroup(run), run->request->node, false);
    if (local == NULL || member == NULL ||
        store_append(local->store, run->fields.id, run->fields.value, member->expiry_s, now_ms()) !=
            STORE_OK) {
        fail(run, "error updating item");
        return;
    }
    run->answer->bytes = message_append(id);
    spread(run, NULL, false, "error updating item");
    run->fields.id = (struct text){"", 0};
}

/* --- keygroups ---------------------------------------------------------------------------------
 */

static bool is_legal(const struct run *run)
{
    return strlen(run->keygroup) == run->fields.keygroup.len && is_legal_name(run->fields.keygroup);
}

static void create_keygroup(struct run *run)
{
    struct keygroup *made = cluster_keygroup(run->cluster, run->keygroup, true);
    struct member *member;

    if (made->exists) {
        fail(run, "error creating keygroup");
        return;
    }
    made->exists = true;
    made->is_mutable = run->fields.is_mutable;
    for (size_t i = 0; i < made->member_count; i++)
        made->members[i].is_in = false;
    /* A name that the store refuses exists from now on, and is nobody's. */
    if (!is_legal(run)) {
        fail(run, "error creating keygroup");
        return;
    }
    member = keygroup_member(made, run->request->node, true);
    member->is_in = true;
    member->expiry_s = run->fields.expiry_s;
    if (here(run) == NULL)
        (void)node_add_local(run->request->node, run->keygroup);
    for (int32_t role = 0; role < ALL_ROLES; role++)
        cluster_grant(run->cluster, run->request->user, run->keygroup, permissions_of_role(role));
}

static void delete_keygroup(struct run *run)
{
    struct keygroup *gone = keygroup(run);

    if (!may(run, MAY_DELETE_KEYGROUP, "cannot delete keygroup"))
        return;
    if (here(run) == NULL) {
        fail(run, "error deleting keygroup");
        return;
    }
    for (size_t i = 0; i < gone->member_count; i++) {
        node_drop_local(gone->members[i].node, run->keygroup);
        gone->members[i].is_in = false;
    }
    gone->exists = false;
}

static void keygroup_info(struct run *run)
{
    if (!may(run, MAY_GET_REPLICA, "cannot get replica for keygroup"))
        return;
    run->answer->bytes = message_keygroup_info(keygroup(run));
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
    struct keygroup *of = keygroup(run);
    const struct member *source = longest_lived(of);
    struct local *from = here(run);
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

static void add_replica(struct run *run)
{
    struct node *node = cluster_node(run->cluster, run->fields.node);
    struct member *member;

    if (!may(run, MAY_ADD_REPLICA, "cannot add replica to keygroup"))
        return;
    if (node == NULL || (here(run) == NULL && node != run->request->node)) {
        fail(run, "error adding replica");
        return;
    }
    member = keygroup_member(keygroup(run), node, true);
    member->expiry_s = run->fields.expiry_s;
    if (member->is_in || !node->is_up) {
        fail(run, "error adding replica");
        return;
    }
    copy_to(run, node, member->expiry_s);
    member->is_in = true;
}

static void remove_replica(struct run *run)
{
    const struct node *node = cluster_node(run->cluster, run->fields.node);
    struct member *member;
    size_t members = 0;

    if (!may(run, MAY_REMOVE_REPLICA, "cannot remove replica of keygroup"))
        return;
    for (size_t i = 0; i < keygroup(run)->member_count; i++)
        members += keygroup(run)->members[i].is_in ? 1 : 0;
    member = node == NULL ? NULL : keygroup_member(keygroup(run), node, false);
    if (member == NULL || !member->is_in || members < 2 || !node->is_up) {
        fail(run, "error removing replica");
        return;
    }
    node_drop_local(member->node, run->keygroup);
    member->is_in = false;
}

static void get_replica(struct run *run)
{
    const struct node *node = cluster_node(run->cluster, run->fields.node);

    if (node == NULL)
        answer_error(run->answer, UNKNOWN, "no such node with nodeId=%s", run->fields.node);
    else
        run->answer->bytes = message_node(node);
}

static void all_replicas(struct run *run)
{
    run->answer->bytes = message_nodes(run->cluster);
}

/* --- users and triggers ------------------------------------------------------------------------
 */

static void add_user(struct run *run)
{
    if (may(run, MAY_ADD_USER, "cannot add user permissions to keygroup"))
        cluster_grant(run->cluster, run->fields.user, run->keygroup,
                      permissions_of_role(run->fields.role));
}

static void remove_user(struct run *run)
{
    if (may(run, MAY_REMOVE_USER, "cannot remove user permissions to keygroup"))
        cluster_revoke(run->cluster, run->fields.user, run->keygroup,
                       permissions_of_role(run->fields.role));
}

static void get_triggers(struct run *run)
{
    if (!may(run, MAY_GET_TRIGGER, "cannot get triggers for keygroup"))
        return;
    if (here(run) == NULL)
        answer_error(run->answer, UNKNOWN, "no such keygroup in store: %s", run->keygroup);
    else
        run->answer->bytes = message_triggers(here(run));
}

static void add_trigger(struct run *run)
{
    if (!may(run, MAY_ADD_TRIGGER, "cannot add trigger to keygroup"))
        return;
    if (here(run) == NULL)
        fail(run, "error adding replica");
    else
        local_set_trigger(here(run), run->fields.trigger, run->fields.host);
}

static void remove_trigger(struct run *run)
{
    if (!may(run, MAY_REMOVE_TRIGGER, "cannot remove triggers from keygroup"))
        return;
    if (here(run) == NULL)
        fail(run, "error removing trigger");
    else
        local_drop_trigger(here(run), run->fields.trigger);
}

/* --- all of them -------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*run)(struct run *run);
} calls[CALL_COUNT] = {
    {"CreateKeygroup", create_keygroup},
    {"DeleteKeygroup", delete_keygroup},
    {"Read", read_item},
    {"Scan", scan_items},
    {"Keys", scan_keys},
    {"Update", update},
    {"Delete", remove_item},
    {"Append", append},
    {"AddReplica", add_replica},
    {"GetKeygroupInfo", keygroup_info},
    {"RemoveReplica", remove_replica},
    {"GetReplica", get_replica},
    {"GetAllReplica", all_replicas},
    {"GetKeygroupTriggers", get_triggers},
    {"AddTrigger", add_trigger},
    {"RemoveTrigger", remove_trigger},
    {"AddUser", add_user},
    {"RemoveUser", remove_user},
};

int call_find(const char *name)
{
    for (int i = 0; i < CALL_COUNT; i++)
        if (strcmp(calls[i].name, name) == 0)
            return i;
    return -1;
}

const char *call_name(int method)
{
    return calls[method].name;
}

bool call_run(const struct request *request, int method, struct answer *answer,
              struct waiter *waiter)
{
    struct run run = {
        .request = request, .cluster = request->cluster, .answer = answer, .waiter = waiter};
    bool is_done;

    *answer = (struct answer){0};
    if (*request->user == '\0') {
        answer_error(answer, UNKNOWN, "invalid subject common name");
        return true;
    }
    switch (fields_read(&run.fields, calls[method].name, request->bytes)) {
    case FIELDS_OK:
        break;
    case FIELDS_NO_TEXT:
        answer_error(answer, INTERNAL,
                     "grpc: error unmarshalling request: string field contains invalid UTF-8");
        return true;
    case FIELDS_BROKEN:
        answer_error(answer, INTERNAL, "grpc: error unmarshalling request: cannot parse");
        return true;
    }
    run.keygroup = duplicate(run.fields.keygroup.data, run.fields.keygroup.len);
    waiter->left = 1;
    (void)pthread_mutex_lock(&run.cluster->lock);
    calls[method].run(&run);
    (void)pthread_mutex_unlock(&run.cluster->lock);
    if (!cluster_fire(run.firings) && answer->code == 0)
        fail(&run, run.trigger_failure);
    (void)pthread_mutex_lock(&run.cluster->lock);
    is_done = --waiter->left == 0;
    (void)pthread_mutex_unlock(&run.cluster->lock);
    free(run.keygroup);
    fields_fini(&run.fields);
    return is_done;
}
