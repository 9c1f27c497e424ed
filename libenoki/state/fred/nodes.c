#include "state/fred/nodes.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_MS 120000u
#define TLS_LOOK_MS 1000u
#define DAY_S 86400
#define WEEK_S (7 * DAY_S)
#define FIRST_PAUSE_MS 250u
#define MAX_PAUSE_MS 4000u
#define ADDRESS_MAX 256u

/* A connection, kept as long as somebody uses it: renewed certificates make new ones. */
struct en_fred_peer {
    struct en_fred_nodes *nodes;
    struct en_fred_link *link;
    unsigned uses; /* the node's, and one per holder; the nodes' lock */
    size_t place;
    bool forgets;
};

struct place {
    char address[ADDRESS_MAX];
    char id[256]; /* "" until known */
    bool is_member;
    int64_t expiry_s;
    double latency_ms; /* negative: never measured */
    uint64_t pause_ms;
    uint64_t retry_at_ms; /* 0: it is well */
    struct en_fred_peer *peer;
};

struct en_fred_nodes {
    const struct en_fred_api *api;
    struct en_fred_client *client;
    struct enoki_tls *tls;
    char *keygroup;
    char own_id[256];
    struct en_notify notify;

    pthread_mutex_t lock; /* of all that follows */
    struct place places[EN_FRED_NODES_MAX];
    size_t count;
    bool is_mutable;
    uint64_t refreshed_ms; /* 0: never */
    uint64_t tls_looked_ms;
    int64_t warned_s; /* about the certificate's end */
};

/* --- connections -------------------------------------------------------------------------------
 */

/* With the lock. */
static void let_go(struct en_fred_peer *peer)
{
    if (peer == NULL || --peer->uses > 0)
        return;
    peer->nodes->api->link_free(peer->link);
    free(peer);
}

/* With the lock: the place's connection, made if there is none. */
static struct en_fred_peer *connect_to(struct en_fred_nodes *nodes, size_t index)
{
    struct place *place = &nodes->places[index];
    const struct en_fred_identity identity = {
        enoki_tls_ca(nodes->tls), enoki_tls_certificate(nodes->tls), enoki_tls_key(nodes->tls)};
    struct en_fred_peer *peer;

    if (place->peer == NULL) {
        peer = calloc(1, sizeof(*peer));
        if (peer == NULL || nodes->api->link_new(&peer->link, nodes->client, place->address,
                                                 &identity, NULL) != 0) {
            free(peer);
            return NULL;
        }
        peer->nodes = nodes;
        peer->uses = 1;
        peer->place = index;
        place->peer = peer;
    }
    place->peer->forgets = place->expiry_s > 0;
    place->peer->uses++;
    return place->peer;
}

void en_fred_peer_release(struct en_fred_peer *peer)
{
    struct en_fred_nodes *nodes = peer->nodes;

    (void)pthread_mutex_lock(&nodes->lock);
    let_go(peer);
    (void)pthread_mutex_unlock(&nodes->lock);
}

struct en_fred_link *en_fred_peer_link(const struct en_fred_peer *peer)
{
    return peer->link;
}

bool en_fred_peer_forgets(const struct en_fred_peer *peer)
{
    return peer->forgets;
}

/* --- which one ---------------------------------------------------------------------------------
 */

/* Smaller is better: what failed comes last, the own node first. */
static double badness(const struct en_fred_nodes *nodes, size_t index, uint64_t now)
{
    const struct place *place = &nodes->places[index];

    if (place->retry_at_ms > now)
        return 1e12 + (double)(place->retry_at_ms - now);
    if (index == 0)
        return -1;
    /* Members that were never measured are worth a try before slow ones. */
    return (place->is_member ? 0 : 1e9) + (place->latency_ms < 0 ? 1 : place->latency_ms);
}

/* With the lock. Before the members are known every address is as good. */
static bool is_of_use(const struct en_fred_nodes *nodes, size_t index)
{
    return index == 0 || nodes->refreshed_ms == 0 || nodes->places[index].is_member;
}

struct en_fred_peer *en_fred_peer_get(struct en_fred_nodes *nodes, size_t rank)
{
    struct en_fred_peer *peer = NULL;
    size_t best = EN_FRED_NODES_MAX;
    uint64_t now = en_clock_ms();
    uint32_t taken = 0;

    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t round = 0; round <= rank; round++) {
        best = EN_FRED_NODES_MAX;
        for (size_t i = 0; i < nodes->count; i++) {
            if ((taken & 1u << i) != 0 || !is_of_use(nodes, i))
                continue;
            if (best == EN_FRED_NODES_MAX || badness(nodes, i, now) < badness(nodes, best, now))
                best = i;
        }
        if (best == EN_FRED_NODES_MAX)
            break;
        taken |= 1u << best;
    }
    if (best != EN_FRED_NODES_MAX)
        peer = connect_to(nodes, best);
    (void)pthread_mutex_unlock(&nodes->lock);
    return peer;
}

struct en_fred_peer *en_fred_member_get(struct en_fred_nodes *nodes, size_t index)
{
    struct en_fred_peer *peer = NULL;

    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = 0; peer == NULL && i < nodes->count; i++)
        if (nodes->places[i].is_member && index-- == 0)
            peer = connect_to(nodes, i);
    (void)pthread_mutex_unlock(&nodes->lock);
    return peer;
}

size_t en_fred_nodes_count(struct en_fred_nodes *nodes)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = 0; i < nodes->count; i++)
        count += is_of_use(nodes, i) ? 1 : 0;
    (void)pthread_mutex_unlock(&nodes->lock);
    return count;
}

static bool is_node_failure(enum en_fred_result result)
{
    return result == EN_FRED_UNREACHABLE || result == EN_FRED_LOST || result == EN_FRED_TIMEOUT ||
           result == EN_FRED_BROKEN || result == EN_FRED_NOT_HERE;
}

bool en_fred_peer_note(struct en_fred_peer *peer, enum en_fred_result result, uint64_t duration_ms)
{
    struct en_fred_nodes *nodes = peer->nodes;
    struct place *place = &nodes->places[peer->place];
    bool failed = is_node_failure(result);
    double sample = (double)duration_ms;

    /* The usual case, without the lock's cache line going around: nothing to correct. */
    if (!failed && __atomic_load_n(&place->retry_at_ms, __ATOMIC_RELAXED) == 0 &&
        peer->place == 0 && duration_ms < 10)
        return false;
    (void)pthread_mutex_lock(&nodes->lock);
    place->latency_ms = place->latency_ms < 0 ? sample : 0.8 * sample + 0.2 * place->latency_ms;
    if (failed) {
        place->pause_ms = place->pause_ms == 0 ? FIRST_PAUSE_MS : place->pause_ms * 2;
        if (place->pause_ms > MAX_PAUSE_MS)
            place->pause_ms = MAX_PAUSE_MS;
        __atomic_store_n(&place->retry_at_ms, en_clock_ms() + place->pause_ms, __ATOMIC_RELAXED);
    } else {
        place->pause_ms = 0;
        __atomic_store_n(&place->retry_at_ms, 0, __ATOMIC_RELAXED);
    }
    (void)pthread_mutex_unlock(&nodes->lock);
    return failed;
}

/* --- certificates ------------------------------------------------------------------------------
 */

/* With the lock. */
static int look_at_tls(struct en_fred_nodes *nodes, struct enoki_error *err)
{
    int64_t now_s = (int64_t)(en_clock_wall_ns() / 1000000000u);
    int rc = enoki_tls_refresh(nodes->tls, err);

    if (rc == 1) {
        for (size_t i = 0; i < nodes->count; i++) {
            let_go(nodes->places[i].peer);
            nodes->places[i].peer = NULL;
        }
        en_notify(&nodes->notify, EN_NOTIFY_INFO,
                  "the certificate of '%s' was renewed: new "
                  "connections use it",
                  enoki_tls_user(nodes->tls));
        return 0;
    }
    /* What is loaded serves on until its own end, whatever the files are now. */
    if (rc != 0 && enoki_tls_expires(nodes->tls) > now_s) {
        en_notify(&nodes->notify, EN_NOTIFY_WARN, "TLS material cannot be renewed: %s",
                  err != NULL ? err->message : "");
        rc = 0;
    }
    if (rc == 0 && enoki_tls_expires(nodes->tls) - now_s < WEEK_S &&
        now_s - nodes->warned_s >= DAY_S) {
        nodes->warned_s = now_s;
        en_notify(
            &nodes->notify, EN_NOTIFY_WARN,
            "the certificate of '%s' expires in %lld hours: renew it with `enoki certs renew`",
            enoki_tls_user(nodes->tls),
            (long long)((enoki_tls_expires(nodes->tls) - now_s) / 3600));
    }
    return rc;
}

int en_fred_nodes_check_tls(struct en_fred_nodes *nodes, struct enoki_error *err)
{
    uint64_t now = en_clock_ms();
    struct enoki_error own = ENOKI_ERROR_INIT;
    int rc = 0;

    if (now - __atomic_load_n(&nodes->tls_looked_ms, __ATOMIC_RELAXED) < TLS_LOOK_MS)
        return 0;
    (void)pthread_mutex_lock(&nodes->lock);
    if (now - nodes->tls_looked_ms >= TLS_LOOK_MS) {
        rc = look_at_tls(nodes, &own);
        /* One that has expired is told to every call, and looked at again by each. */
        if (rc == 0)
            __atomic_store_n(&nodes->tls_looked_ms, now, __ATOMIC_RELAXED);
    }
    (void)pthread_mutex_unlock(&nodes->lock);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}

/* --- who is there ------------------------------------------------------------------------------
 */

static struct place *find_place(struct en_fred_nodes *nodes, const char *address)
{
    for (size_t i = 0; i < nodes->count; i++)
        if (strcmp(nodes->places[i].address, address) == 0)
            return &nodes->places[i];
    return NULL;
}

static struct place *add_place(struct en_fred_nodes *nodes, const char *address, size_t len)
{
    struct place *place;

    if (nodes->count == EN_FRED_NODES_MAX || len >= ADDRESS_MAX)
        return NULL;
    place = &nodes->places[nodes->count++];
    *place = (struct place){.latency_ms = -1};
    memcpy(place->address, address, len);
    place->address[len] = '\0';
    return place;
}

static int add_addresses(struct en_fred_nodes *nodes, const char *addresses,
                         struct enoki_error *err)
{
    while (*addresses != '\0') {
        size_t len = strcspn(addresses, ",");
        const char *colon = memrchr(addresses, ':', len);

        if (colon == NULL || colon == addresses || colon + 1 == addresses + len ||
            add_place(nodes, addresses, len) == NULL)
            return enoki_error_set(err, ENOKI_EINVAL,
                                   "'%.*s' is no node: write HOST:PORT, at most %u of them",
                                   (int)(len < 200 ? len : 200), addresses, EN_FRED_NODES_MAX);
        addresses += len;
        if (*addresses == ',')
            addresses++;
    }
    return 0;
}

enum en_fred_result en_fred_nodes_find_own(struct en_fred_nodes *nodes, uint64_t deadline_ms,
                                           char out[256], struct enoki_error *err)
{
    struct en_fred_peer *peer = NULL;
    struct en_fred_replicas list;
    enum en_fred_result result;

    if (nodes->own_id[0] == '\0') {
        (void)pthread_mutex_lock(&nodes->lock);
        peer = connect_to(nodes, 0);
        (void)pthread_mutex_unlock(&nodes->lock);
        if (peer == NULL) {
            (void)enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a connection");
            return EN_FRED_NO_MEMORY;
        }
        result = nodes->api->all_nodes(peer->link, deadline_ms, &list, err);
        en_fred_peer_release(peer);
        if (result != EN_FRED_OK)
            return result;
        for (size_t i = 0; i < list.count; i++)
            if (strcmp(list.replicas[i].host, nodes->places[0].address) == 0)
                (void)snprintf(nodes->own_id, sizeof(nodes->own_id), "%s", list.replicas[i].node);
        /* A cluster of one needs no address to be told apart. */
        if (nodes->own_id[0] == '\0' && list.count == 1)
            (void)snprintf(nodes->own_id, sizeof(nodes->own_id), "%s", list.replicas[0].node);
        nodes->api->replicas_free(&list);
    }
    if (nodes->own_id[0] == '\0') {
        (void)enoki_error_set(
            err, ENOKI_EINVAL,
            "no FReD node publishes the address %.100s: name the node with node=ID",
            nodes->places[0].address);
        return EN_FRED_INVALID;
    }
    memcpy(out, nodes->own_id, 256);
    return EN_FRED_OK;
}

/* With the lock. */
static void take_members(struct en_fred_nodes *nodes, const struct en_fred_replicas *members)
{
    for (size_t i = 0; i < nodes->count; i++)
        nodes->places[i].is_member = false;
    for (size_t i = 0; i < members->count; i++) {
        const struct en_fred_replica *member = &members->replicas[i];
        struct place *place = strcmp(member->node, nodes->own_id) == 0
                                  ? &nodes->places[0]
                                  : find_place(nodes, member->host);

        if (place == NULL)
            place = add_place(nodes, member->host, strlen(member->host));
        if (place == NULL)
            continue;
        (void)snprintf(place->id, sizeof(place->id), "%s", member->node);
        place->is_member = true;
        place->expiry_s = member->expiry_s;
    }
    nodes->is_mutable = members->is_mutable;
    __atomic_store_n(&nodes->refreshed_ms, en_clock_ms(), __ATOMIC_RELAXED);
}

enum en_fred_result en_fred_nodes_refresh(struct en_fred_nodes *nodes, uint64_t deadline_ms,
                                          bool force, struct enoki_error *err)
{
    enum en_fred_result result = EN_FRED_UNREACHABLE;
    uint64_t now = en_clock_ms();
    uint64_t refreshed = __atomic_load_n(&nodes->refreshed_ms, __ATOMIC_RELAXED);
    struct en_fred_peer *peer;

    if (!force && refreshed != 0 && now - refreshed < REFRESH_MS)
        return EN_FRED_OK;
    for (size_t rank = 0; rank < nodes->count; rank++) {
        struct en_fred_replicas members;
        uint64_t begin = en_clock_ms();
        uint64_t left = deadline_ms > begin ? deadline_ms - begin : 0;
        uint64_t end = rank + 1 < nodes->count ? begin + left / 2 : deadline_ms;

        peer = en_fred_peer_get(nodes, rank);
        if (peer == NULL)
            break;
        result = nodes->api->keygroup_info(peer->link, end, nodes->keygroup, &members, err);
        if (result == EN_FRED_OK) {
            (void)pthread_mutex_lock(&nodes->lock);
            take_members(nodes, &members);
            (void)pthread_mutex_unlock(&nodes->lock);
            nodes->api->replicas_free(&members);
        }
        (void)en_fred_peer_note(peer, result, en_clock_ms() - begin);
        en_fred_peer_release(peer);
        if (!is_node_failure(result))
            break;
    }
    return result;
}

bool en_fred_nodes_is_mutable(const struct en_fred_nodes *nodes)
{
    return nodes->is_mutable;
}

bool en_fred_nodes_own_is_member(struct en_fred_nodes *nodes)
{
    bool is_member;

    (void)pthread_mutex_lock(&nodes->lock);
    is_member = nodes->places[0].is_member;
    (void)pthread_mutex_unlock(&nodes->lock);
    return is_member;
}

/* --- life --------------------------------------------------------------------------------------
 */

int en_fred_nodes_new(struct en_fred_nodes **out, const struct en_fred_nodes_options *options,
                      struct enoki_error *err)
{
    struct en_fred_nodes *nodes = calloc(1, sizeof(*nodes));
    int rc;

    if (nodes == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for FReD's nodes");
    (void)pthread_mutex_init(&nodes->lock, NULL);
    nodes->api = options->api;
    nodes->notify = options->notify;
    nodes->tls_looked_ms = en_clock_ms();
    if (options->node != NULL)
        (void)snprintf(nodes->own_id, sizeof(nodes->own_id), "%s", options->node);
    nodes->keygroup = strdup(options->keygroup);
    rc = nodes->keygroup == NULL
             ? enoki_error_set(err, ENOKI_ENOMEM, "out of memory for FReD's nodes")
             : add_addresses(nodes, options->addresses, err);
    if (rc == 0)
        rc = enoki_tls_load(&nodes->tls, options->tls, options->user, err);
    if (rc == 0) {
        struct enoki_error ignored = ENOKI_ERROR_INIT;

        (void)look_at_tls(nodes, &ignored);
        rc = nodes->api->client_new(&nodes->client, NULL, err);
    }
    if (rc == 0)
        *out = nodes;
    else
        en_fred_nodes_free(nodes);
    return rc;
}

void en_fred_nodes_free(struct en_fred_nodes *nodes)
{
    if (nodes == NULL)
        return;
    for (size_t i = 0; i < nodes->count; i++)
        let_go(nodes->places[i].peer);
    if (nodes->client != NULL)
        nodes->api->client_free(nodes->client);
    enoki_tls_free(nodes->tls);
    (void)pthread_mutex_destroy(&nodes->lock);
    free(nodes->keygroup);
    free(nodes);
}
