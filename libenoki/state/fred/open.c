#include "state/fred/store.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define ONE_TRY_MS 5000u
#define PAUSE_MS 100u
#define TELL_EVERY_MS 10000u
/* Changes made through another node show a little later where FReD caches its names. */
#define SETTLE_MS 3000u
/* The whole of one process's work at a keygroup, others' included. */
#define STEPS_MAX 50u

/* The way of one keygroup into use. */
struct opening {
    struct en_fred_store *store;
    const struct en_backend_settings *settings;
    struct en_fred_nodes *admin; /* as whom it is created */
    struct en_fred_link *link;   /* of the own node, as admin */
    uint64_t deadline_ms;        /* UINT64_MAX: never */
    bool is_away;                /* the failed step's node: worth another attempt */
    char own[256];
    struct enoki_error *err;
};

static void pause_ms(uint64_t ms)
{
    const struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};

    (void)nanosleep(&pause, NULL);
}

static uint64_t try_deadline(const struct opening *opening)
{
    uint64_t end = en_clock_ms() + ONE_TRY_MS;

    return end < opening->deadline_ms ? end : opening->deadline_ms;
}

/* Not the answer of a node that is well. */
static bool is_away(enum en_fred_result result)
{
    return result == EN_FRED_UNREACHABLE || result == EN_FRED_LOST || result == EN_FRED_TIMEOUT ||
           result == EN_FRED_BROKEN;
}

/* The status of a step that a call ended. */
static int failed(struct opening *opening, enum en_fred_result result)
{
    opening->is_away = is_away(result);
    return opening->err->status;
}

static int refuse_unknown(struct opening *opening)
{
    return enoki_error_set(opening->err, ENOKI_ENOTFOUND,
                           "there is no keygroup '%.100s', or this user may not see it: FReD does "
                           "not tell which",
                           opening->store->keygroup);
}

/* It is there, or is made, by us or by somebody at the same time. */
static int make_keygroup(struct opening *opening)
{
    const struct en_fred_api *api = opening->store->api;
    bool is_mutable = opening->settings->kind != ENOKI_KEYGROUP_APPEND;
    enum en_fred_result result = EN_FRED_FAILED;

    for (unsigned i = 0; i < STEPS_MAX; i++) {
        result = en_fred_nodes_refresh(opening->admin, try_deadline(opening), true, opening->err);
        if (result == EN_FRED_OK)
            return 0;
        if (result != EN_FRED_DENIED)
            return failed(opening, result);
        if (opening->settings->must_exist)
            return refuse_unknown(opening);
        result = api->create_keygroup(opening->link, try_deadline(opening),
                                      opening->store->keygroup, is_mutable,
                                      (int64_t)opening->settings->uri->expiry_s, opening->err);
        if (is_away(result))
            return failed(opening, result);
        /* Refused: it exists and is another user's, or somebody makes it just now. */
        if (result != EN_FRED_OK) {
            if (i * PAUSE_MS > SETTLE_MS)
                break;
            pause_ms(PAUSE_MS);
        }
    }
    return enoki_error_set(
        opening->err, ENOKI_EDENIED,
        "keygroup '%.100s' exists, and user '%.64s' may not use it: grant it the "
        "roles, or name its owner with admin=NAME",
        opening->store->keygroup,
        opening->settings->uri->admin != NULL ? opening->settings->uri->admin
                                              : opening->settings->uri->user);
}

/* The own node becomes a member. */
static int join(struct opening *opening)
{
    enum en_fred_result result, shown;

    for (unsigned i = 0; !en_fred_nodes_own_is_member(opening->admin); i++) {
        if (opening->settings->must_exist || i > STEPS_MAX)
            return 0; /* another replica serves */
        result = opening->store->api->add_replica(
            opening->link, try_deadline(opening), opening->store->keygroup, opening->own,
            (int64_t)opening->settings->uri->expiry_s, opening->err);
        if (result != EN_FRED_OK && result != EN_FRED_FAILED)
            return failed(opening, result);
        /* A member answers so too, or somebody makes it one just now: then it shows. */
        if (result != EN_FRED_OK)
            pause_ms(PAUSE_MS);
        shown = en_fred_nodes_refresh(opening->admin, try_deadline(opening), true, opening->err);
        if (shown != EN_FRED_OK)
            return failed(opening, shown);
        if (result != EN_FRED_OK && i * PAUSE_MS > SETTLE_MS)
            return enoki_error_set(opening->err, ENOKI_EIO,
                                   "FReD does not make node '%.64s' a replica of keygroup "
                                   "'%.100s': are its other replicas up?",
                                   opening->own, opening->store->keygroup);
    }
    return 0;
}

static int grant(struct opening *opening)
{
    static const enum en_fred_role roles[] = {EN_FRED_READ_KEYGROUP, EN_FRED_WRITE_KEYGROUP,
                                              EN_FRED_CONFIGURE_REPLICA};

    if (opening->admin == opening->store->nodes)
        return 0;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        enum en_fred_result result = opening->store->api->add_user(
            opening->link, try_deadline(opening), opening->settings->uri->user,
            opening->store->keygroup, roles[i], opening->err);

        if (result != EN_FRED_OK)
            return failed(opening, result);
    }
    return 0;
}

/* The user sees it too. */
static int settle(struct opening *opening)
{
    struct en_fred_nodes *nodes = opening->store->nodes;
    uint64_t end = en_clock_ms() + SETTLE_MS;
    enum en_fred_result result;
    char own[256];

    result = en_fred_nodes_find_own(nodes, try_deadline(opening), own, opening->err);
    if (result != EN_FRED_OK)
        return failed(opening, result);
    while ((result = en_fred_nodes_refresh(nodes, try_deadline(opening), true, opening->err)) ==
               EN_FRED_DENIED &&
           en_clock_ms() < end)
        pause_ms(PAUSE_MS);
    if (result == EN_FRED_DENIED && opening->settings->must_exist)
        return refuse_unknown(opening);
    if (result != EN_FRED_OK)
        return failed(opening, result);
    opening->store->kind =
        en_fred_nodes_is_mutable(nodes) ? ENOKI_KEYGROUP_MUTABLE : ENOKI_KEYGROUP_APPEND;
    return 0;
}

static int open_admin(struct opening *opening)
{
    const struct en_uri *uri = opening->settings->uri;
    const struct en_fred_nodes_options options = {
        .api = opening->store->api,
        .addresses = uri->where,
        .node = uri->node,
        .tls = uri->tls,
        .user = uri->admin,
        .keygroup = opening->store->keygroup,
        .notify = opening->store->notify,
    };

    opening->admin = opening->store->nodes;
    if (uri->admin == NULL || strcmp(uri->admin, uri->user) == 0)
        return 0;
    return en_fred_nodes_new(&opening->admin, &options, opening->err);
}

/* Every step leaves alone what is done, so all of them can be taken again. */
static int take_steps(struct opening *opening)
{
    struct en_fred_peer *peer;
    enum en_fred_result result;
    int rc;

    opening->is_away = false;
    result = en_fred_nodes_find_own(opening->admin, try_deadline(opening), opening->own,
                                    opening->err);
    if (result != EN_FRED_OK)
        return failed(opening, result);
    peer = en_fred_peer_get(opening->admin, 0);
    if (peer == NULL)
        return enoki_error_set(opening->err, ENOKI_ENOMEM, "out of memory for a connection");
    opening->link = en_fred_peer_link(peer);
    rc = make_keygroup(opening);
    if (rc == 0)
        rc = join(opening);
    if (rc == 0 && !opening->settings->must_exist)
        rc = grant(opening);
    if (rc == 0)
        rc = settle(opening);
    en_fred_peer_release(peer);
    return rc;
}

/* Waits for nodes that are away. */
static int take_steps_in_time(struct opening *opening)
{
    uint64_t begin = en_clock_ms(), told = 0;

    for (;;) {
        int rc = take_steps(opening);

        if (rc == 0 || !opening->is_away)
            return rc;
        if (en_clock_ms() + PAUSE_MS >= opening->deadline_ms) {
            struct enoki_error why = *opening->err;

            return enoki_error_set(opening->err, ENOKI_EUNAVAILABLE,
                                   "%.300s; waited %" PRIu64 " ms", why.message,
                                   en_clock_ms() - begin);
        }
        if (told == 0 || en_clock_ms() - told >= TELL_EVERY_MS) {
            told = en_clock_ms();
            en_notify(&opening->store->notify, EN_NOTIFY_WARN, "waiting for FReD: %s",
                      opening->err->message);
        }
        pause_ms(PAUSE_MS);
    }
}

int en_fred_open_keygroup(struct en_fred_store *store, const struct en_backend_settings *settings,
                          struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct opening opening = {.store = store, .settings = settings, .err = &own};
    int rc;

    opening.deadline_ms =
        settings->uri->start_ms == 0 ? UINT64_MAX : en_clock_ms() + settings->uri->start_ms;
    rc = open_admin(&opening);
    if (rc == 0)
        rc = take_steps_in_time(&opening);
    if (opening.admin != store->nodes)
        en_fred_nodes_free(opening.admin);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}
