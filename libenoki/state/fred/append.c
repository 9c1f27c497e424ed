#include "state/fred/store.h"

#include "base/clock.h"
#include "state/fred/value.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Ids that are taken in a row before something else must be wrong. */
#define TAKEN_MAX 1000u

struct appending {
    struct en_fred_store *store;
    struct en_fred_try trial;
    const void *text;
    size_t text_len;
    uint64_t id;
    char digits[ENOKI_APPEND_ID_BYTES];
    struct enoki_error *err;
};

enum outcome { DONE, AGAIN, TAKEN };

static void set_id(struct appending *appending, uint64_t id)
{
    appending->id = id;
    (void)snprintf(appending->digits, sizeof(appending->digits), "%" PRIu64, id);
}

/* Is what is stored under the id ours? Asked when the answer was lost, or the id is taken. */
static enum outcome look(struct appending *appending, struct en_fred_link *link, int *rc_out)
{
    struct en_fred_items items;
    enum en_fred_result result = appending->store->api->read(
        link, en_fred_try_deadline(&appending->trial), appending->store->keygroup,
        appending->digits, &items, appending->err);
    enum outcome outcome = TAKEN;

    if (result == EN_FRED_OK) {
        for (size_t i = 0; i < items.count; i++)
            if (items.items[i].value_len == appending->text_len &&
                memcmp(items.items[i].value, appending->text, appending->text_len) == 0)
                outcome = DONE;
        appending->store->api->items_free(&items);
        *rc_out = 0;
        return outcome;
    }
    if (en_fred_try_note(&appending->trial, result) || result == EN_FRED_NOT_FOUND)
        return AGAIN;
    *rc_out = appending->err->status;
    return DONE;
}

static int run(struct appending *appending)
{
    struct en_fred_store *store = appending->store;
    bool is_uncertain = false;
    struct en_fred_link *link;
    unsigned taken = 0;
    int rc = 0;

    while ((link = en_fred_try_next(&appending->trial, appending->err)) != NULL) {
        enum outcome outcome = AGAIN;
        enum en_fred_result result;

        /* Another try must not store it twice: first a look whether it is there. */
        if (is_uncertain) {
            outcome = look(appending, link, &rc);
            if (outcome == DONE)
                return rc;
            if (outcome == TAKEN)
                set_id(appending, appending->id + 1);
        }
        result =
            store->api->append(link, en_fred_try_deadline(&appending->trial), store->keygroup,
                               appending->id, appending->text, appending->text_len, appending->err);
        if (result == EN_FRED_OK)
            return 0;
        if (en_fred_try_note(&appending->trial, result)) {
            is_uncertain = is_uncertain || result != EN_FRED_UNREACHABLE;
            continue;
        }
        if (result != EN_FRED_REFUSED)
            return appending->err->status;
        if (++taken == TAKEN_MAX)
            return enoki_error_set(appending->err, ENOKI_EIO,
                                   "FReD takes no appended item: %u ids in a row are refused",
                                   TAKEN_MAX);
        if (!is_uncertain)
            set_id(appending, appending->id + 1);
        en_fred_try_stay(&appending->trial);
    }
    return appending->err->status;
}

int en_fred_append(struct en_fred_store *store, uint64_t deadline_ms, const void *value,
                   size_t value_len, char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err)
{
    struct en_buffer room = EN_BUFFER_INIT(SIZE_MAX / 2);
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct appending appending = {.store = store, .err = &own};
    int rc = en_fred_value_encode(store->tls, value, value_len, &room, &appending.text,
                                  &appending.text_len);

    if (rc != 0)
        rc = enoki_error_set(&own, rc, "out of memory for a value");
    if (rc == 0)
        rc = en_fred_try_begin(&appending.trial, store, deadline_ms, &own);
    if (rc == 0) {
        set_id(&appending, en_clock_wall_ns());
        rc = run(&appending);
    }
    if (rc == 0)
        memcpy(id_out, appending.digits, sizeof(appending.digits));
    en_fred_try_end(&appending.trial);
    en_buffer_fini(&room);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}
