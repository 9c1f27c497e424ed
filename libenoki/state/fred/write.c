#include "state/fred/store.h"

#include "base/clock.h"
#include "state/fred/value.h"

#include <stdlib.h>
#include <string.h>

#define UNEXPLAINED_MAX 2u /* refusals without a reason, before a plain update is made blind */
#define LEARNS_MAX 8u      /* tombstones met in turn, before an expecting write is a conflict */

/* A write while it goes on. */
struct writing {
    struct en_fred_store *store;
    const struct en_backend_write *write;
    const void *text; /* the value as it is sent; NULL: remove */
    size_t text_len;
    struct en_fred_try trial;
    struct en_seen seen;
    /* What an expecting write names: the caller's versions, and tombstones that were met. */
    struct en_version_view *expected;
    size_t expected_count;
    struct en_buffer tombs;
    struct en_buffer made;
    unsigned unexplained;
    unsigned absences;
    unsigned waited; /* for replicas that were behind */
    bool is_blind;
    bool is_uncertain; /* an answer was lost: it may have been stored */
    struct enoki_error *err;
};

enum outcome { DONE, AGAIN };

static int conflict(struct writing *writing)
{
    return enoki_error_set(writing->err, ENOKI_ECONFLICT,
                           "item '%.100s' was changed: read it again", writing->write->id);
}

static int uncertain(struct writing *writing)
{
    return enoki_error_set(writing->err, ENOKI_EUNCERTAIN,
                           "the answer to a write of item '%.100s' was lost, and what is stored "
                           "does not tell whether it was done: read it again",
                           writing->write->id);
}

static int not_found(struct writing *writing)
{
    return enoki_error_set(writing->err, ENOKI_ENOTFOUND, "there is no item '%.100s'",
                           writing->write->id);
}

/* --- what is sent ------------------------------------------------------------------------------
 */

static enum en_fred_result send_write(struct writing *writing, struct en_fred_link *link)
{
    const struct en_version_view nothing = en_version_empty();
    struct en_fred_write write = {
        .keygroup = writing->store->keygroup,
        .id = writing->write->id,
        .value = writing->text,
        .value_len = writing->text_len,
    };

    if (writing->write->expect != NULL) {
        write.versions = writing->expected;
        write.version_count = writing->expected_count;
    } else {
        write.versions = writing->seen.versions;
        write.version_count = writing->seen.count;
    }
    /* "I know nothing": not to be mistaken for no clock at all, which overwrites blindly. */
    if (write.version_count == 0) {
        write.versions = &nothing;
        write.version_count = 1;
    }
    if (writing->is_blind)
        write.version_count = 0;
    writing->made.len = 0;
    return writing->store->api->write(link, en_fred_try_deadline(&writing->trial), &write,
                                      &writing->made, writing->err);
}

static int look_at_session(struct writing *writing)
{
    int rc;

    en_seen_fini(&writing->seen);
    rc = en_session_seen(writing->store->session, writing->write->id, &writing->seen);
    return rc == 0 ? 0 : en_fred_session_error(rc, writing->err);
}

/* --- what is there -----------------------------------------------------------------------------
 */

static int learn(struct writing *writing, const struct en_fred_current *current)
{
    const struct en_seen nothing = {.count = 0};
    int rc = en_session_learn(writing->store->session, writing->write->id, &nothing,
                              current->versions, current->count, current->live_count == 0);

    if (rc != 0)
        return en_fred_session_error(rc, writing->err);
    return look_at_session(writing);
}

/* The live versions are exactly those that the caller expects. */
static bool is_expected(const struct writing *writing, const struct en_fred_current *current,
                        size_t caller_count)
{
    if (current->live_count != caller_count)
        return false;
    for (size_t i = 0; i < current->live_count; i++) {
        bool found = false;

        for (size_t k = 0; !found && k < caller_count; k++)
            found =
                en_version_order(current->versions[i], writing->expected[k]) == ENOKI_ORDER_EQUAL;
        if (!found)
            return false;
    }
    return true;
}

/* Names the tombstones too: FReD wants every clock that it knows covered. */
static int expect_tombstones(struct writing *writing, const struct en_fred_current *current,
                             size_t caller_count)
{
    size_t tombs = current->count - current->live_count;
    struct en_version_view *grown =
        realloc(writing->expected, (caller_count + tombs + 1) * sizeof(*grown));
    size_t at = 0;
    int rc = 0;

    if (grown == NULL)
        return enoki_error_set(writing->err, ENOKI_ENOMEM, "out of memory for versions");
    writing->expected = grown;
    writing->tombs.len = 0;
    for (size_t i = current->live_count; rc == 0 && i < current->count; i++)
        rc =
            en_buffer_append(&writing->tombs, current->versions[i].bytes, current->versions[i].len);
    if (rc != 0)
        return enoki_error_set(writing->err, rc, "out of memory for versions");
    for (size_t i = 0; i < tombs; i++) {
        struct en_version_view *view = &writing->expected[caller_count + i];

        view->bytes = (const unsigned char *)writing->tombs.data + at;
        view->len = current->versions[current->live_count + i].len;
        at += view->len;
    }
    writing->expected_count = caller_count + tombs;
    return 0;
}

static size_t caller_count(const struct writing *writing)
{
    const struct enoki_expect *expect = writing->write->expect;
    size_t count = 0;

    for (size_t i = 0; i < enoki_items_count(expect->items); i++)
        count += strcmp(enoki_items_id(expect->items, i), writing->write->id) == 0 ? 1 : 0;
    return count;
}

/* --- after an answer ---------------------------------------------------------------------------
 */

static int succeed(struct writing *writing)
{
    struct en_seen replaced = writing->seen;
    struct en_version_view made;
    int rc;

    if (en_version_view_read(writing->made.data, writing->made.len, &made) != 0)
        return enoki_error_set(writing->err, ENOKI_EPROTO, "FReD made a version that is none");
    if (writing->write->expect != NULL) {
        replaced.versions = writing->expected;
        replaced.count = writing->expected_count;
    }
    rc = en_session_wrote(writing->store->session, writing->write->id, &replaced, made,
                          writing->text == NULL);
    return rc == 0 ? 0 : en_fred_session_error(rc, writing->err);
}

/* Something is there that the write did not name: that is why it was refused. */
static bool has_unnamed(const struct writing *writing, const struct en_fred_current *current)
{
    for (size_t i = 0; i < current->count; i++) {
        bool named = false;

        for (size_t k = 0; !named && k < writing->seen.count; k++) {
            enum enoki_order order =
                en_version_order(current->versions[i], writing->seen.versions[k]);

            named = order == ENOKI_ORDER_BEFORE || order == ENOKI_ORDER_EQUAL;
        }
        if (!named)
            return true;
    }
    return false;
}

/* A plain write learns what is there, and names it the next time. */
static int refuse_plain(struct writing *writing, const struct en_fred_current *current)
{
    bool is_explained = has_unnamed(writing, current);
    int rc = learn(writing, current);

    if (rc != 0 || is_explained || ++writing->unexplained < UNEXPLAINED_MAX ||
        writing->text == NULL)
        return rc;
    /* A clock without a version: of an item that has expired, or of a write that failed. */
    writing->is_blind = true;
    en_notify(&writing->store->notify, EN_NOTIFY_WARN,
              "item '%s' of keygroup '%s' has a clock without a version (it has expired, or a "
              "write of it failed): writing over it",
              writing->write->id, writing->store->keygroup);
    return 0;
}

/* One that expects something is refused for that, or for a tombstone that it did not name. */
static int refuse_expecting(struct writing *writing, const struct en_fred_current *current)
{
    size_t callers = caller_count(writing);
    int rc = learn(writing, current);

    if (rc != 0)
        return rc;
    if (writing->is_uncertain)
        return uncertain(writing);
    if (!is_expected(writing, current, callers) || ++writing->unexplained >= LEARNS_MAX)
        return conflict(writing);
    /* Nothing is there, and nobody expects anything: only an expired clock is in the way. */
    if (current->count == 0 && callers == 0 && writing->store->expiry_s > 0)
        writing->is_blind = true;
    return expect_tombstones(writing, current, callers);
}

static enum outcome after_refusal(struct writing *writing, struct en_fred_link *link, int *rc_out)
{
    struct en_fred_current current;
    enum en_fred_result result =
        en_fred_current_get(writing->store, link, en_fred_try_deadline(&writing->trial),
                            writing->write->id, &current, writing->err);

    if (result != EN_FRED_OK) {
        *rc_out = writing->err->status;
        return en_fred_try_note(&writing->trial, result) ? AGAIN : DONE;
    }
    en_fred_try_stay(&writing->trial);
    *rc_out = writing->write->expect == NULL ? refuse_plain(writing, &current)
                                             : refuse_expecting(writing, &current);
    en_fred_current_fini(writing->store, &current);
    return *rc_out == 0 ? AGAIN : DONE;
}

static bool is_ours(const struct writing *writing, const struct en_fred_current *current)
{
    for (size_t i = 0; i < current->live.count; i++) {
        const struct en_fred_item *item = &current->live.items[i];

        if (writing->text != NULL && item->value_len == writing->text_len &&
            memcmp(item->value, writing->text, writing->text_len) == 0 &&
            en_seen_is_covered(&writing->seen, &item->version, 1) &&
            (writing->seen.count == 0 ||
             en_version_order(item->version, writing->seen.versions[0]) != ENOKI_ORDER_EQUAL))
            return true;
    }
    return writing->text == NULL && current->live_count == 0 && current->count > 0;
}

/* The answer is lost. A plain write whose value is there is done, else it is repeated; one that
 * expects something may only be repeated while that is still all that is there. */
static enum outcome after_loss(struct writing *writing, int *rc_out)
{
    bool expects = writing->write->expect != NULL;
    struct en_fred_current current;
    struct en_fred_link *link;
    enum en_fred_result result = EN_FRED_LOST;

    writing->is_uncertain = true;
    while (result != EN_FRED_OK) {
        link = en_fred_try_next(&writing->trial, writing->err);
        if (link == NULL) {
            *rc_out = expects ? uncertain(writing) : writing->err->status;
            return DONE;
        }
        result = en_fred_current_get(writing->store, link, en_fred_try_deadline(&writing->trial),
                                     writing->write->id, &current, writing->err);
        if (!en_fred_try_note(&writing->trial, result) && result != EN_FRED_OK) {
            *rc_out = expects ? uncertain(writing) : writing->err->status;
            return DONE;
        }
    }
    if (expects && !is_expected(writing, &current, caller_count(writing))) {
        *rc_out = learn(writing, &current);
        *rc_out = *rc_out == 0 ? uncertain(writing) : *rc_out;
    } else if (!expects && is_ours(writing, &current)) {
        *rc_out = learn(writing, &current);
    } else {
        en_fred_try_stay(&writing->trial);
        en_fred_current_fini(writing->store, &current);
        return AGAIN;
    }
    en_fred_current_fini(writing->store, &current);
    return DONE;
}

/* The session has seen what this replica has not. */
static enum outcome wait_for_replica(struct writing *writing, int *rc_out)
{
    if (writing->store->stale == EN_STALE_WAIT &&
        en_fred_try_wait(&writing->trial, 2u << (writing->waited < 7 ? writing->waited : 7))) {
        if (++writing->waited % 4 == 0)
            en_fred_try_move(&writing->trial);
        else
            en_fred_try_stay(&writing->trial);
        return AGAIN;
    }
    *rc_out =
        en_fred_stale_error(&writing->trial, writing->write->id, &writing->seen, writing->err);
    return DONE;
}

/* FReD removes only what it has. */
static enum outcome after_absence(struct writing *writing, int *rc_out)
{
    if (writing->write->expect != NULL) {
        *rc_out = writing->expected_count == 0 ? not_found(writing) : conflict(writing);
        return DONE;
    }
    /* Removed already, and the tombstone is elsewhere; or never there. */
    if (writing->seen.count > 0 && writing->seen.is_removed) {
        *rc_out = 0;
        return DONE;
    }
    if (writing->seen.count == 0 || en_fred_peer_forgets(writing->trial.peer)) {
        *rc_out = not_found(writing);
        return DONE;
    }
    return wait_for_replica(writing, rc_out);
}

static bool may_have_been_done(enum en_fred_result result)
{
    return result == EN_FRED_LOST || result == EN_FRED_TIMEOUT || result == EN_FRED_BROKEN;
}

/* --- the write ---------------------------------------------------------------------------------
 */

/*
 * Three writes need to know what is there before:
 *  - An expecting removal: FReD's Delete does not look whether something else is there. A write of
 *    somebody else between the two calls is lost to it: FReD has no call that closes this gap.
 *  - A removal that expects nothing and saw nothing learns what there is.
 *  - An expecting write, where the session has seen more than the caller names: that is a
 * tombstone, which the new version must cover too, even at a replica that did not get it.
 */
static bool must_look(const struct writing *writing)
{
    if (writing->write->expect == NULL)
        return writing->text == NULL && writing->seen.count == 0;
    return writing->text == NULL ||
           !en_seen_is_covered(&writing->seen, writing->expected, writing->expected_count);
}

/* What is there is what the caller expects, and all that the session has seen is among it. */
static int check_expected(struct writing *writing, const struct en_fred_current *current,
                          bool *skip)
{
    int rc;

    if (!is_expected(writing, current, caller_count(writing)))
        return conflict(writing);
    rc = expect_tombstones(writing, current, caller_count(writing));
    if (rc == 0 && writing->store->stale != EN_STALE_ANY &&
        !en_fred_peer_forgets(writing->trial.peer) &&
        !en_seen_is_covered(&writing->seen, writing->expected, writing->expected_count))
        *skip = wait_for_replica(writing, &rc) == AGAIN;
    return rc;
}

static int look_before(struct writing *writing, struct en_fred_link *link, bool *skip)
{
    struct en_fred_current current;
    enum en_fred_result result;
    int rc = 0;

    *skip = false;
    if (!must_look(writing))
        return 0;
    result = en_fred_current_get(writing->store, link, en_fred_try_deadline(&writing->trial),
                                 writing->write->id, &current, writing->err);
    if (result != EN_FRED_OK) {
        *skip = en_fred_try_note(&writing->trial, result);
        return *skip ? 0 : writing->err->status;
    }
    rc = learn(writing, &current);
    if (rc == 0 && writing->write->expect != NULL)
        rc = check_expected(writing, &current, skip);
    else if (rc == 0 && current.count == 0)
        rc = not_found(writing);
    en_fred_current_fini(writing->store, &current);
    return rc;
}

static int run(struct writing *writing)
{
    struct en_fred_link *link;
    int rc = 0;

    while ((link = en_fred_try_next(&writing->trial, writing->err)) != NULL) {
        enum outcome outcome = DONE;
        enum en_fred_result result;
        bool skip;

        rc = look_before(writing, link, &skip);
        if (rc != 0)
            return rc;
        if (skip)
            continue;
        result = send_write(writing, link);
        if (result == EN_FRED_OK) {
            (void)en_fred_try_note(&writing->trial, result);
            return succeed(writing);
        }
        if (en_fred_try_note(&writing->trial, result)) {
            outcome = AGAIN;
            if (may_have_been_done(result))
                outcome = after_loss(writing, &rc);
        } else if (result == EN_FRED_REFUSED) {
            outcome = after_refusal(writing, link, &rc);
        } else if (result == EN_FRED_NOT_FOUND) {
            outcome = after_absence(writing, &rc);
        } else {
            rc = writing->err->status;
        }
        if (outcome == DONE)
            return rc;
    }
    if (writing->is_uncertain && writing->write->expect != NULL)
        return uncertain(writing);
    return writing->err->status;
}

/* The caller's versions of this item. */
static int take_expected(struct writing *writing)
{
    const struct enoki_items *items = writing->write->expect->items;
    size_t count = enoki_items_count(items);

    writing->expected = calloc(count + 1, sizeof(*writing->expected));
    if (writing->expected == NULL)
        return enoki_error_set(writing->err, ENOKI_ENOMEM, "out of memory for versions");
    for (size_t i = 0; i < count; i++)
        if (strcmp(enoki_items_id(items, i), writing->write->id) == 0)
            writing->expected[writing->expected_count++] =
                en_version_view(enoki_items_version(items, i));
    return 0;
}

int en_fred_write(struct en_fred_store *store, uint64_t deadline_ms,
                  const struct en_backend_write *write, struct enoki_error *err)
{
    struct en_buffer room = EN_BUFFER_INIT(SIZE_MAX / 2);
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct writing writing = {.store = store, .write = write, .err = &own};
    pthread_mutex_t *order;
    int rc = 0;

    writing.made.max = EN_VERSION_MAX_BYTES;
    writing.tombs.max = SIZE_MAX / 2;
    if (write->value != NULL)
        rc = en_fred_value_encode(store->tls, write->value, write->value_len, &room, &writing.text,
                                  &writing.text_len);
    if (rc != 0)
        rc = enoki_error_set(&own, rc, "out of memory for a value");
    order = write->expect != NULL ? NULL : en_fred_turn_take(store, write->id, deadline_ms);
    if (rc == 0)
        rc = en_fred_try_begin(&writing.trial, store, deadline_ms, &own);
    if (rc == 0)
        rc = look_at_session(&writing);
    if (rc == 0 && write->expect != NULL)
        rc = take_expected(&writing);
    if (rc == 0)
        rc = run(&writing);
    en_fred_try_end(&writing.trial);
    if (order != NULL)
        (void)pthread_mutex_unlock(order);
    en_seen_fini(&writing.seen);
    en_buffer_fini(&room);
    en_buffer_fini(&writing.made);
    en_buffer_fini(&writing.tombs);
    free(writing.expected);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}
