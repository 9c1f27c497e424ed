#include "state/fred/store.h"

#include <stdlib.h>
#include <string.h>

/* Versions that one call asks for. */
#define FIRST_PAGE 64u
#define LAST_PAGE 4096u
#define PAGE_LIMIT (1u << 20)

/* Pages as they came, and what of them is handed out. */
struct scanning {
    struct en_fred_store *store;
    struct en_fred_try trial;
    uint64_t wanted; /* ids */
    uint64_t page;
    bool is_stale;
    unsigned stale_tries;
    struct en_fred_items *pages;
    size_t page_count;
    const struct en_fred_item **items; /* live ones */
    size_t item_count;
    size_t item_room;
    uint64_t ids;
    char start[ENOKI_NAME_MAX + 1]; /* of the next page */
    struct enoki_error *err;
};

enum outcome { DONE, MORE, STALE };

static int add_item(struct scanning *scanning, const struct en_fred_item *item)
{
    if (scanning->item_count == scanning->item_room) {
        size_t room = scanning->item_room == 0 ? 64 : scanning->item_room * 2;
        const struct en_fred_item **grown =
            realloc(scanning->items, room * sizeof(struct en_fred_item *));

        if (grown == NULL)
            return enoki_error_set(scanning->err, ENOKI_ENOMEM, "out of memory for a scan");
        scanning->items = grown;
        scanning->item_room = room;
    }
    scanning->items[scanning->item_count++] = item;
    return 0;
}

static bool keep_page(struct scanning *scanning, const struct en_fred_items *page)
{
    struct en_fred_items *grown =
        realloc(scanning->pages, (scanning->page_count + 1) * sizeof(*grown));

    if (grown == NULL)
        return false;
    scanning->pages = grown;
    scanning->pages[scanning->page_count++] = *page;
    return true;
}

/* The versions of one id, tombstones too: not behind what was seen? Anything new is learned. */
static enum outcome judge(struct scanning *scanning, const struct en_fred_item *group, size_t count,
                          int *rc_out)
{
    struct en_version_view few[8];
    struct en_version_view *versions = few;
    struct en_seen seen;
    bool is_removed = true;

    if (count > sizeof(few) / sizeof(few[0])) {
        versions = calloc(count, sizeof(*versions));
        if (versions == NULL) {
            *rc_out = enoki_error_set(scanning->err, ENOKI_ENOMEM, "out of memory for a scan");
            return DONE;
        }
    }
    for (size_t i = 0; i < count; i++) {
        versions[i] = group[i].version;
        is_removed = is_removed && group[i].value_len == 0;
    }
    *rc_out = en_session_seen(scanning->store->session, group->id, &seen);
    if (*rc_out == 0) {
        *rc_out = en_session_learn(scanning->store->session, group->id, &seen, versions, count,
                                   is_removed);
        en_seen_fini(&seen);
    }
    if (versions != few)
        free(versions);
    if (*rc_out == ENOKI_ESTALE && scanning->store->stale != EN_STALE_ANY)
        return STALE;
    if (*rc_out == ENOKI_ESTALE) {
        scanning->is_stale = true;
        *rc_out = 0;
    }
    if (*rc_out != 0) {
        *rc_out = en_fred_session_error(*rc_out, scanning->err);
        return DONE;
    }
    return MORE;
}

static int take_group(struct scanning *scanning, const struct en_fred_item *group, size_t count)
{
    bool any = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        bool covered = group[i].value_len == 0; /* a tombstone, or an appended nothing */

        for (size_t k = 0; !covered && k < count; k++) {
            enum enoki_order order = en_version_order(group[i].version, group[k].version);

            covered = order == ENOKI_ORDER_BEFORE || (order == ENOKI_ORDER_EQUAL && k < i);
        }
        if (covered)
            continue;
        any = true;
        rc = add_item(scanning, &group[i]);
    }
    scanning->ids += any ? 1 : 0;
    return rc;
}

/* Walks the groups of a page. The last one may be cut unless the page is the end: it is where the
 * next page starts. */
static enum outcome take_page(struct scanning *scanning, const struct en_fred_items *page,
                              uint64_t asked, int *rc_out)
{
    bool is_end = page->count < asked;
    size_t at = 0;

    *rc_out = 0;
    while (at < page->count) {
        const struct en_fred_item *group = &page->items[at];
        enum outcome outcome;
        size_t end = at;

        while (end < page->count && strcmp(page->items[end].id, group->id) == 0)
            end++;
        if (end == page->count && !is_end) {
            /* One item fills the page: a longer one is needed to see all of it. */
            if (at == 0)
                scanning->page *= 4;
            (void)strncpy(scanning->start, group->id, ENOKI_NAME_MAX);
            return MORE;
        }
        outcome = judge(scanning, group, end - at, rc_out);
        if (outcome != MORE)
            return outcome;
        *rc_out = take_group(scanning, group, end - at);
        if (*rc_out != 0 || scanning->ids == scanning->wanted)
            return DONE;
        at = end;
    }
    return DONE;
}

static bool wait_for_replica(struct scanning *scanning)
{
    if (scanning->store->stale == EN_STALE_FAIL)
        return false;
    if (!en_fred_try_wait(&scanning->trial,
                          2u << (scanning->stale_tries < 7 ? scanning->stale_tries : 7)))
        return false;
    if (++scanning->stale_tries % 4 == 0)
        en_fred_try_move(&scanning->trial);
    else
        en_fred_try_stay(&scanning->trial);
    return true;
}

static int stale(struct scanning *scanning)
{
    return enoki_error_set(scanning->err, ENOKI_ESTALE,
                           "no replica has all that this session has seen of the items from "
                           "'%.100s' on (waited %llu ms): try again later",
                           scanning->start,
                           (unsigned long long)en_fred_try_waited_ms(&scanning->trial));
}

/* Forgets what the last page gave: it is asked for again. */
static void take_back(struct scanning *scanning, size_t item_count, uint64_t ids)
{
    scanning->item_count = item_count;
    scanning->ids = ids;
}

/* Always with values: FReD's Keys does not tell a tombstone from an item. */
static enum en_fred_result ask(struct scanning *scanning, struct en_fred_link *link, uint64_t asked,
                               struct en_fred_items *page)
{
    struct en_fred_store *store = scanning->store;

    return store->api->scan(link, en_fred_try_deadline(&scanning->trial), store->keygroup,
                            scanning->start, asked, true, page, scanning->err);
}

static int run(struct scanning *scanning)
{
    struct en_fred_link *link;
    int rc = 0;

    while ((link = en_fred_try_next(&scanning->trial, scanning->err)) != NULL) {
        size_t item_count = scanning->item_count;
        uint64_t ids = scanning->ids;
        uint64_t asked = scanning->page;
        struct en_fred_items page;
        enum outcome outcome;
        enum en_fred_result result = ask(scanning, link, asked, &page);

        if (en_fred_try_note(&scanning->trial, result))
            continue;
        if (result == EN_FRED_TOO_LARGE && asked > 1) {
            scanning->page = asked / 4 > 0 ? asked / 4 : 1;
            continue;
        }
        if (result != EN_FRED_OK)
            return scanning->err->status;
        if (!keep_page(scanning, &page)) {
            scanning->store->api->items_free(&page);
            return enoki_error_set(scanning->err, ENOKI_ENOMEM, "out of memory for a scan");
        }
        outcome = take_page(scanning, &page, asked, &rc);
        if (outcome == DONE)
            return rc;
        if (outcome == STALE) {
            take_back(scanning, item_count, ids);
            if (!wait_for_replica(scanning))
                return stale(scanning);
        }
        if (scanning->page < LAST_PAGE)
            scanning->page *= 2;
        if (scanning->page > PAGE_LIMIT)
            scanning->page = PAGE_LIMIT;
    }
    return scanning->stale_tries > 0 ? stale(scanning) : scanning->err->status;
}

int en_fred_scan(struct en_fred_store *store, uint64_t deadline_ms, const char *start,
                 uint64_t count, bool with_values, struct enoki_items **out,
                 struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct scanning scanning = {.store = store, .wanted = count, .err = &own};
    int rc;

    if (start == NULL)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "a scan of keygroup '%s' needs a start: FReD begins at an id only",
                               store->keygroup);
    scanning.page = count < FIRST_PAGE ? count + 1 : FIRST_PAGE;
    (void)strncpy(scanning.start, start, ENOKI_NAME_MAX);
    rc = en_fred_try_begin(&scanning.trial, store, deadline_ms, &own);
    if (rc == 0)
        rc = run(&scanning);
    if (rc == 0) {
        rc = en_fred_make_items(store, scanning.items, scanning.item_count, with_values,
                                scanning.is_stale, out);
        if (rc != 0)
            rc = enoki_error_set(&own, rc, "a scan from '%.100s' is above %u bytes: ask for fewer",
                                 start, ENOKI_SCAN_MAX_BYTES);
    }
    en_fred_try_end(&scanning.trial);
    for (size_t i = 0; i < scanning.page_count; i++)
        store->api->items_free(&scanning.pages[i]);
    free(scanning.pages);
    free(scanning.items);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}
