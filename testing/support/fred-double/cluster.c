#include "cluster.h"

#include "trigger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct message {
    struct message *next;
    struct node *to;
    char *keygroup;
    struct text id;
    struct text value;
    struct clock clock;
    bool is_append;
    uint64_t due_ms;
    struct waiter *waiter; /* NULL: nobody waits */
};

uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- names -------------------------------------------------------------------------------------
 */

unsigned permissions_of_role(int32_t role)
{
    static const unsigned masks[ALL_ROLES] = {
        MAY_READ,
        MAY_UPDATE | MAY_DELETE,
        MAY_ADD_REPLICA | MAY_GET_REPLICA | MAY_REMOVE_REPLICA,
        MAY_GET_TRIGGER | MAY_ADD_TRIGGER | MAY_REMOVE_TRIGGER,
        MAY_DELETE_KEYGROUP | MAY_ADD_USER | MAY_REMOVE_USER,
    };

    return role >= 0 && role < ALL_ROLES ? masks[role] : 0;
}

struct node *cluster_node(struct cluster *cluster, const char *id)
{
    for (size_t i = 0; i < cluster->node_count; i++)
        if (strcmp(cluster->nodes[i].id, id) == 0)
            return &cluster->nodes[i];
    return NULL;
}

struct keygroup *cluster_keygroup(struct cluster *cluster, const char *name, bool create)
{
    struct keygroup *keygroup = table_get(cluster->keygroups, name);

    if (keygroup == NULL && create) {
        keygroup = need(calloc(1, sizeof(*keygroup)));
        keygroup->name = duplicate(name, strlen(name));
        table_set(cluster->keygroups, name, keygroup);
    }
    return keygroup;
}

struct member *keygroup_member(struct keygroup *keygroup, const struct node *node, bool create)
{
    for (size_t i = 0; i < keygroup->member_count; i++)
        if (keygroup->members[i].node == node)
            return &keygroup->members[i];
    if (!create)
        return NULL;
    keygroup->members[keygroup->member_count].node = (struct node *)(uintptr_t)node;
    return &keygroup->members[keygroup->member_count++];
}

bool cluster_reaches(const struct cluster *cluster, const struct node *to)
{
    return !cluster->is_cut && to->is_up;
}

static uintptr_t mask_of(const struct cluster *cluster, const char *user, const char *keygroup,
                         char **key_out)
{
    char *key;

    if (asprintf(&key, "%s|%s", user, keygroup) < 0)
        need(NULL);
    *key_out = key;
    return (uintptr_t)table_get(cluster->permissions, key);
}

bool cluster_may(struct cluster *cluster, const char *user, const char *keygroup,
                 enum permission permission)
{
    const struct keygroup *found = cluster_keygroup(cluster, keygroup, false);
    char *key;
    uintptr_t mask = mask_of(cluster, user, keygroup, &key);

    free(key);
    return found != NULL && found->exists && (mask & permission) != 0;
}

void cluster_grant(struct cluster *cluster, const char *user, const char *keygroup, unsigned mask)
{
    char *key;
    uintptr_t old = mask_of(cluster, user, keygroup, &key);

    table_set(cluster->permissions, key, (void *)(old | mask));
    free(key);
}

void cluster_revoke(struct cluster *cluster, const char *user, const char *keygroup, unsigned mask)
{
    char *key;
    uintptr_t old = mask_of(cluster, user, keygroup, &key);

    table_set(cluster->permissions, key, (void *)(old & ~(uintptr_t)mask));
    free(key);
}

/* --- a keygroup at a node ----------------------------------------------------------------------
 */

struct local *node_local(const struct node *node, const char *keygroup)
{
    return table_get(node->locals, keygroup);
}

struct local *node_add_local(struct node *node, const char *keygroup)
{
    struct local *local = need(calloc(1, sizeof(*local)));

    local->store = store_new();
    table_set(node->locals, keygroup, local);
    return local;
}

void local_drop_trigger(struct local *local, const char *id)
{
    for (size_t i = 0; i < local->trigger_count; i++) {
        if (strcmp(local->triggers[i].id, id) != 0)
            continue;
        free(local->triggers[i].id);
        free(local->triggers[i].host);
        local->triggers[i] = local->triggers[--local->trigger_count];
        return;
    }
}

void local_set_trigger(struct local *local, const char *id, const char *host)
{
    struct trigger *trigger;

    local_drop_trigger(local, id);
    local->triggers =
        need(realloc(local->triggers, (local->trigger_count + 1) * sizeof(*local->triggers)));
    trigger = &local->triggers[local->trigger_count++];
    trigger->id = duplicate(id, strlen(id));
    trigger->host = duplicate(host, strlen(host));
}

static void free_local(void *value)
{
    struct local *local = value;

    while (local->trigger_count > 0)
        local_drop_trigger(local, local->triggers[0].id);
    free(local->triggers);
    store_free(local->store);
    free(local);
}

void node_drop_local(struct node *node, const char *keygroup)
{
    struct local *local = table_take(node->locals, keygroup);

    if (local != NULL)
        free_local(local);
}

void node_forget(struct node *node)
{
    table_free(node->locals, free_local);
    node->locals = table_new();
}

/* --- triggers ----------------------------------------------------------------------------------
 */

static void plan(const struct local *local, const struct carried *carried, bool is_local,
                 struct firing **firings)
{
    for (size_t i = 0; i < local->trigger_count; i++) {
        struct firing *firing = need(calloc(1, sizeof(*firing)));

        firing->is_local = is_local;
        firing->is_put = !is_local || !carried->is_removal;
        firing->host = duplicate(local->triggers[i].host, strlen(local->triggers[i].host));
        firing->keygroup = duplicate(carried->keygroup, strlen(carried->keygroup));
        firing->id = duplicate(carried->id.data, carried->id.len);
        firing->value.data = duplicate(carried->value.data, carried->value.len);
        firing->value.len = carried->value.len;
        firing->next = *firings;
        *firings = firing;
    }
}

bool cluster_fire(struct firing *firings)
{
    bool ok = true;

    while (firings != NULL) {
        struct firing *next = firings->next;
        bool reached = trigger_call(firings->host, firings->is_put, firings->keygroup, firings->id,
                                    firings->value);

        if (!reached && firings->is_local)
            ok = false;
        free(firings->host);
        free(firings->keygroup);
        free(firings->id);
        free((char *)(uintptr_t)firings->value.data);
        free(firings);
        firings = next;
    }
    return ok;
}

/* --- replication -------------------------------------------------------------------------------
 */

static void arrive(struct cluster *cluster, struct node *node, const struct carried *carried,
                   struct firing **firings)
{
    struct keygroup *keygroup = cluster_keygroup(cluster, carried->keygroup, false);
    struct local *local = node_local(node, carried->keygroup);
    const struct member *member = keygroup == NULL ? NULL : keygroup_member(keygroup, node, false);

    if (local == NULL || member == NULL)
        return;
    if (carried->clock == NULL)
        (void)store_append(local->store, carried->id, carried->value, member->expiry_s, now_ms());
    else
        store_put(local->store, carried->id, carried->value, carried->clock, member->expiry_s,
                  now_ms());
    plan(local, carried, false, firings);
}

static struct text copy_text(struct text from)
{
    return (struct text){duplicate(from.data, from.len), from.len};
}

static void post(struct cluster *cluster, struct node *to, const struct carried *carried,
                 struct waiter *waiter)
{
    struct message *message = need(calloc(1, sizeof(*message)));

    message->to = to;
    message->keygroup = duplicate(carried->keygroup, strlen(carried->keygroup));
    message->id = copy_text(carried->id);
    message->value = copy_text(carried->value);
    message->is_append = carried->clock == NULL;
    if (carried->clock != NULL)
        clock_copy(&message->clock, carried->clock);
    message->due_ms = now_ms() + cluster->lag_ms;
    if (!cluster->is_async) {
        message->waiter = waiter;
        waiter->left++;
    }
    if (cluster->last != NULL)
        cluster->last->next = message;
    else
        cluster->first = message;
    cluster->last = message;
    (void)pthread_cond_signal(&cluster->changed);
}

void cluster_spread(struct cluster *cluster, struct node *from, const struct carried *carried,
                    struct firing **firings, struct waiter *waiter)
{
    struct keygroup *keygroup = cluster_keygroup(cluster, carried->keygroup, false);
    bool later = cluster->is_async || cluster->is_held || cluster->lag_ms > 0;

    plan(node_local(from, carried->keygroup), carried, true, firings);
    for (size_t i = 0; i < keygroup->member_count; i++) {
        struct node *to = keygroup->members[i].node;

        if (!keygroup->members[i].is_in || to == from || !cluster_reaches(cluster, to))
            continue;
        if (later)
            post(cluster, to, carried, waiter);
        else
            arrive(cluster, to, carried, firings);
    }
}

static void free_message(struct message *message)
{
    free(message->keygroup);
    free((char *)(uintptr_t)message->id.data);
    free((char *)(uintptr_t)message->value.data);
    clock_fini(&message->clock);
    free(message);
}

/* Takes the first message out and delivers it; unlocks while triggers are called. */
static void deliver(struct cluster *cluster)
{
    struct message *message = cluster->first;
    struct firing *firings = NULL;
    const struct carried carried = {message->keygroup, message->id, message->value,
                                    message->is_append ? NULL : &message->clock, false};

    cluster->first = message->next;
    if (cluster->first == NULL)
        cluster->last = NULL;
    if (cluster_reaches(cluster, message->to))
        arrive(cluster, message->to, &carried, &firings);
    if (firings != NULL) {
        (void)pthread_mutex_unlock(&cluster->lock);
        (void)cluster_fire(firings);
        (void)pthread_mutex_lock(&cluster->lock);
    }
    if (message->waiter != NULL && --message->waiter->left == 0)
        message->waiter->done(message->waiter);
    free_message(message);
}

static void *carry(void *context)
{
    struct cluster *cluster = context;

    (void)pthread_mutex_lock(&cluster->lock);
    for (;;) {
        uint64_t now = now_ms();

        if (cluster->first == NULL && cluster->is_ending)
            break;
        if (cluster->first == NULL || cluster->is_held) {
            (void)pthread_cond_wait(&cluster->changed, &cluster->lock);
        } else if (cluster->first->due_ms > now && !cluster->is_ending) {
            uint64_t due = cluster->first->due_ms;
            struct timespec until = {.tv_sec = (time_t)(due / 1000),
                                     .tv_nsec = (long)(due % 1000 * 1000000)};

            (void)pthread_cond_timedwait(&cluster->changed, &cluster->lock, &until);
        } else {
            deliver(cluster);
        }
    }
    (void)pthread_mutex_unlock(&cluster->lock);
    return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

void cluster_new(struct cluster *cluster, bool is_async)
{
    pthread_condattr_t monotonic;

    memset(cluster, 0, sizeof(*cluster));
    cluster->is_async = is_async;
    cluster->keygroups = table_new();
    cluster->permissions = table_new();
    (void)pthread_mutex_init(&cluster->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&cluster->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&cluster->carrier, NULL, carry, cluster) != 0)
        need(NULL);
}

void cluster_end(struct cluster *cluster)
{
    (void)pthread_mutex_lock(&cluster->lock);
    cluster->is_ending = cluster->is_cut = true;
    cluster->is_held = false;
    (void)pthread_cond_signal(&cluster->changed);
    (void)pthread_mutex_unlock(&cluster->lock);
    (void)pthread_join(cluster->carrier, NULL);
}

static void free_keygroup(void *value)
{
    struct keygroup *keygroup = value;

    free(keygroup->name);
    free(keygroup);
}

void cluster_free(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->node_count; i++) {
        struct node *node = &cluster->nodes[i];

        free(node->id);
        free(node->host);
        table_free(node->locals, free_local);
    }
    table_free(cluster->keygroups, free_keygroup);
    table_free(cluster->permissions, NULL);
    (void)pthread_cond_destroy(&cluster->changed);
    (void)pthread_mutex_destroy(&cluster->lock);
}
