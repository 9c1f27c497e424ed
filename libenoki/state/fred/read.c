#include "state/fred/store.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A replica that is behind is mostly so for a moment: it is asked this often before others are. */
#define OWN_TRIES 4u

int en_fred_session_error(int status, struct enoki_error *err)
{
    if (status == ENOKI_ENOSPACE)
        return enoki_error_set(err, status, "the disk of the session folder is full: make room");
    if (status == ENOKI_ENOMEM)
        return enoki_error_set(err, status, "out of memory for the session");
    return enoki_error_set(err, status, "the session cannot be kept: %s", enoki_error_text(status));
}

int en_fred_stale_error(const struct en_fred_try *trial, const char *id, const struct en_seen *seen,
                        struct enoki_error *err)
{
    struct en_buffer text = EN_BUFFER_INIT(300);

    for (size_t i = 0; i < seen->count; i++)
        if ((i > 0 && en_buffer_append_text(&text, "; ") != 0) ||
            en_version_text(seen->versions[i], &text) != 0)
            break;
    (void)enoki_error_set(err, ENOKI_ESTALE,
                          "no replica has version %s of item '%.100s', which this session has "
                          "seen (waited %llu ms): try again later",
                          text.data != NULL ? text.data : "", id,
                          (unsigned long long)en_fred_try_waited_ms(trial));
    en_buffer_fini(&text);
    return ENOKI_ESTALE;
}

/* A read while it goes on. */
struct reading {
    struct en_fred_store *store;
    const char *id;
    struct en_fred_try trial;
    struct en_seen seen;
    struct enoki_items **out;
    unsigned stale_tries;
    struct enoki_error *err;
};

enum outcome { DONE, AGAIN, STALE };

static int hand_out(struct reading *reading, const struct en_fred_items *items, bool is_stale)
{
    const struct en_fred_item *few[8] = {NULL};
    const struct en_fred_item **list = few;
    size_t count = 0;
    int rc;

    if (items->count > sizeof(few) / sizeof(few[0])) {
        list = calloc(items->count, sizeof(struct en_fred_item *));
        if (list == NULL)
            return enoki_error_set(reading->err, ENOKI_ENOMEM, "out of memory for items");
    }
    /* A node can hold what another version of its own covers: only the newest are siblings. */
    for (size_t i = 0; i < items->count; i++) {
        bool covered = items->items[i].value_len == 0;

        for (size_t k = 0; !covered && k < items->count; k++) {
            enum enoki_order order =
                en_version_order(items->items[i].version, items->items[k].version);

            covered = order == ENOKI_ORDER_BEFORE || (order == ENOKI_ORDER_EQUAL && k < i);
        }
        if (!covered)
            list[count++] = &items->items[i];
    }
    rc = en_fred_make_items(reading->store, list, count, true, is_stale, reading->out);
    if (list != few)
        free(list);
    return rc == 0 ? 0
                   : enoki_error_set(reading->err, rc, "item '%.100s' cannot be handed out: %s",
                                     reading->id, enoki_error_text(rc));
}

static int not_found(struct reading *reading)
{
    return enoki_error_set(reading->err, ENOKI_ENOTFOUND, "there is no item '%.100s'", reading->id);
}

/* A read hides tombstones, which may be what the session saw: all that the node has is the judge.
 */
static enum outcome judge_all(struct reading *reading, struct en_fred_link *link, int *rc_out)
{
    struct en_fred_current current;
    enum outcome outcome = DONE;
    enum en_fred_result result =
        en_fred_current_get(reading->store, link, en_fred_try_deadline(&reading->trial),
                            reading->id, &current, reading->err);

    if (result != EN_FRED_OK) {
        *rc_out = reading->err->status;
        return en_fred_try_note(&reading->trial, result) ? AGAIN : DONE;
    }
    *rc_out = en_session_learn(reading->store->session, reading->id, &reading->seen,
                               current.versions, current.count, current.live_count == 0);
    if (*rc_out == ENOKI_ESTALE)
        outcome = STALE;
    else if (*rc_out != 0)
        *rc_out = en_fred_session_error(*rc_out, reading->err);
    else if (current.live_count == 0)
        *rc_out = not_found(reading);
    else
        *rc_out = hand_out(reading, &current.live, false);
    en_fred_current_fini(reading->store, &current);
    return outcome;
}

static int learn_values(struct reading *reading, const struct en_fred_items *items)
{
    struct en_version_view few[8];
    struct en_version_view *versions = few;
    int rc;

    if (items->count > sizeof(few) / sizeof(few[0])) {
        versions = calloc(items->count, sizeof(*versions));
        if (versions == NULL)
            return ENOKI_ENOMEM;
    }
    for (size_t i = 0; i < items->count; i++)
        versions[i] = items->items[i].version;
    rc = en_session_learn(reading->store->session, reading->id, &reading->seen, versions,
                          items->count, false);
    if (versions != few)
        free(versions);
    return rc;
}

/* The node has values: are they not behind? */
static enum outcome take_values(struct reading *reading, struct en_fred_link *link,
                                const struct en_fred_items *items, int *rc_out)
{
    *rc_out = learn_values(reading, items);
    if (*rc_out == ENOKI_ESTALE && reading->store->stale != EN_STALE_ANY)
        return judge_all(reading, link, rc_out);
    if (*rc_out == 0 || *rc_out == ENOKI_ESTALE)
        *rc_out = hand_out(reading, items, *rc_out == ENOKI_ESTALE);
    else
        *rc_out = en_fred_session_error(*rc_out, reading->err);
    return DONE;
}

/* The node has no value. If the session saw one: was it removed, has it expired, or is it not there
 * yet? */
static enum outcome take_absence(struct reading *reading, struct en_fred_link *link, int *rc_out)
{
    *rc_out = not_found(reading);
    if (reading->seen.count == 0 || reading->seen.is_removed ||
        reading->store->stale == EN_STALE_ANY || en_fred_peer_forgets(reading->trial.peer))
        return DONE;
    return judge_all(reading, link, rc_out);
}

/* First the own node a few times, then others too. False: the time is over, or policy says so. */
static bool wait_for_replica(struct reading *reading)
{
    if (reading->store->stale == EN_STALE_FAIL)
        return false;
    if (!en_fred_try_wait(&reading->trial,
                          2u << (reading->stale_tries < 7 ? reading->stale_tries : 7)))
        return false;
    if (++reading->stale_tries >= OWN_TRIES)
        en_fred_try_move(&reading->trial);
    else
        en_fred_try_stay(&reading->trial);
    return true;
}

static int run(struct reading *reading)
{
    struct enoki_error *err = reading->err;
    struct en_fred_link *link;
    int rc = 0;

    while ((link = en_fred_try_next(&reading->trial, err)) != NULL) {
        struct en_fred_items items;
        enum outcome outcome = AGAIN;
        enum en_fred_result result =
            reading->store->api->read(link, en_fred_try_deadline(&reading->trial),
                                      reading->store->keygroup, reading->id, &items, err);

        if (en_fred_try_note(&reading->trial, result))
            continue;
        if (result == EN_FRED_OK) {
            outcome = take_values(reading, link, &items, &rc);
            reading->store->api->items_free(&items);
        } else if (result == EN_FRED_NOT_FOUND) {
            outcome = take_absence(reading, link, &rc);
        } else {
            return err->status;
        }
        if (outcome == DONE)
            return rc;
        if (outcome == STALE && !wait_for_replica(reading))
            return en_fred_stale_error(&reading->trial, reading->id, &reading->seen, err);
    }
    if (reading->stale_tries > 0)
        return en_fred_stale_error(&reading->trial, reading->id, &reading->seen, err);
    return err->status;
}

/* --- after a power loss ------------------------------------------------------------------------
 */

/* Learns what one member has. */
static int learn_from(struct reading *reading, struct en_fred_peer *peer)
{
    const struct en_seen nothing = {.count = 0};
    struct en_fred_current current;
    enum en_fred_result result =
        en_fred_current_get(reading->store, en_fred_peer_link(peer), reading->trial.deadline_ms,
                            reading->id, &current, reading->err);
    int rc;

    if (result != EN_FRED_OK)
        return reading->err->status;
    rc = en_session_learn(reading->store->session, reading->id, &nothing, current.versions,
                          current.count, current.live_count == 0);
    en_fred_current_fini(reading->store, &current);
    return rc == 0 ? 0 : en_fred_session_error(rc, reading->err);
}

/* What was seen last may not be known any more: what all members have covers it. */
static int settle_doubt(struct reading *reading)
{
    struct en_fred_store *store = reading->store;
    struct en_fred_peer *peer;
    int rc;

    (void)en_fred_nodes_refresh(store->nodes, reading->trial.deadline_ms, false, reading->err);
    for (size_t i = 0; (peer = en_fred_member_get(store->nodes, i)) != NULL; i++) {
        rc = learn_from(reading, peer);
        en_fred_peer_release(peer);
        if (rc != 0 && store->stale == EN_STALE_ANY)
            return 0;
        if (rc != 0) {
            struct enoki_error why = *reading->err;

            return enoki_error_set(reading->err, ENOKI_ESTALE,
                                   "after a power loss all replicas must be asked once for item "
                                   "'%.60s': %.300s",
                                   reading->id, why.message);
        }
    }
    rc = en_session_confirm(store->session, reading->id);
    return rc == 0 ? 0 : en_fred_session_error(rc, reading->err);
}

int en_fred_read(struct en_fred_store *store, uint64_t deadline_ms, const char *id,
                 struct enoki_items **out, struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct reading reading = {.store = store, .id = id, .out = out, .err = &own};
    int rc = en_fred_try_begin(&reading.trial, store, deadline_ms, &own);

    if (rc == 0 && en_session_is_in_doubt(store->session, id))
        rc = settle_doubt(&reading);
    if (rc == 0) {
        rc = en_session_seen(store->session, id, &reading.seen);
        if (rc != 0)
            rc = en_fred_session_error(rc, &own);
    }
    if (rc == 0) {
        rc = run(&reading);
        en_seen_fini(&reading.seen);
    }
    en_fred_try_end(&reading.trial);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}
