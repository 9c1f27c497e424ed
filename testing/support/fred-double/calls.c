#include "calls.h"

#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool run_may(struct run *run, enum permission permission, const char *denial)
{
    if (cluster_may(run->cluster, run->request->user, run->keygroup, permission))
        return true;
    answer_error(run->answer, UNKNOWN, "user %s %s %s", run->request->user, denial, run->keygroup);
    return false;
}

void run_fail(struct run *run, const char *text)
{
    answer_error(run->answer, UNKNOWN, "%s", text);
}

struct local *run_here(struct run *run)
{
    return node_local(run->request->node, run->keygroup);
}

struct keygroup *run_keygroup(struct run *run)
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
    struct local *local = run_here(run);
    enum store_result result = STORE_BAD_ID;
    char *after;

    if (!run_may(run, MAY_READ, "cannot read from keygroup"))
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
    struct local *local = run_here(run);
    enum store_result result = STORE_BAD_ID;
    char *before, *after;

    if (!run_may(run, MAY_READ, "cannot read from keygroup"))
        return;
    if (fields->count == 0) {
        run_fail(run, "count must be at least 1, got 0");
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
    const struct member *member = keygroup_member(run_keygroup(run), run->request->node, false);

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
    struct local *local = run_here(run);
    struct store_write write;
    struct clock made;

    if (!run_may(run, MAY_UPDATE, "cannot update in keygroup"))
        return;
    if (!run_keygroup(run)->is_mutable) {
        error_around(run->answer, "cannot update item ", run->fields.id,
                     " because keygroup is immutable");
        return;
    }
    write = describe(run);
    if (local == NULL || write.value.len == 0 ||
        store_update(local->store, &write, &made) != STORE_OK) {
        run_fail(run, "error updating item");
        return;
    }
    run->answer->bytes = message_version(&made);
    spread(run, &made, false, "error updating item");
    clock_fini(&made);
}

static void remove_item(struct run *run)
{
    struct local *local = run_here(run);
    enum store_result result = STORE_MISSING;
    struct store_write write;
    struct clock made;

    if (!run_may(run, MAY_DELETE, "cannot delete keygroup"))
        return;
    if (!run_keygroup(run)->is_mutable) {
        error_around(run->answer, "cannot update item ", run->fields.id,
                     " because keygroup is immutable");
        return;
    }
    write = describe(run);
    if (local != NULL)
        result = store_remove(local->store, &write, &made);
    if (result != STORE_OK) {
        run_fail(run, result == STORE_MISSING ? "item does not exist so it cannot be deleted"
                                              : "error updating item");
        return;
    }
    run->answer->bytes = message_version(&made);
    spread(run, &made, true, "error deleting item");
    clock_fini(&made);
}

static void append(struct run *run)
{
    struct local *local = run_here(run);
    const struct member *member;
    char id[24];

    (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)run->fields.number);
    run->fields.id = (struct text){id, strlen(id)};
    if (!run_may(run, MAY_UPDATE, "cannot update in keygroup"))
        return;
    if (run_keygroup(run)->is_mutable) {
        error_around(run->answer, "cannot append ", run->fields.id, " to mutable keygroup");
        return;
    }
    member = keygroup_member(run_keygroup(run), run->request->node, false);
    if (local == NULL || member == NULL ||
        store_append(local->store, run->fields.id, run->fields.value, member->expiry_s, now_ms()) !=
            STORE_OK) {
        run_fail(run, "error updating item");
        return;
    }
    run->answer->bytes = message_append(id);
    spread(run, NULL, false, "error updating item");
    run->fields.id = (struct text){"", 0};
}

/* --- all of them -------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*run)(struct run *run);
} calls[CALL_COUNT] = {
    {"CreateKeygroup", run_create_keygroup},
    {"DeleteKeygroup", run_delete_keygroup},
    {"Read", read_item},
    {"Scan", scan_items},
    {"Keys", scan_keys},
    {"Update", update},
    {"Delete", remove_item},
    {"Append", append},
    {"AddReplica", run_add_replica},
    {"GetKeygroupInfo", run_keygroup_info},
    {"RemoveReplica", run_remove_replica},
    {"GetReplica", run_get_replica},
    {"GetAllReplica", run_all_replicas},
    {"GetKeygroupTriggers", run_get_triggers},
    {"AddTrigger", run_add_trigger},
    {"RemoveTrigger", run_remove_trigger},
    {"AddUser", run_add_user},
    {"RemoveUser", run_remove_user},
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
        run_fail(&run, run.trigger_failure);
    (void)pthread_mutex_lock(&run.cluster->lock);
    is_done = --waiter->left == 0;
    (void)pthread_mutex_unlock(&run.cluster->lock);
    free(run.keygroup);
    fields_fini(&run.fields);
    return is_done;
}
