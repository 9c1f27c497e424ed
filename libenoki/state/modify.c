#include "base/clock.h"

#include <enoki/state.h>

#include <stdbool.h>

#define GIVE_UP_AFTER_MS 10000u

/* One round; *again_out: somebody was faster. */
static int modify_once(struct enoki_state *state, const char *id, enoki_modify_fn modify,
                       void *context, bool *again_out, struct enoki_error *err)
{
    struct enoki_error unread = ENOKI_ERROR_INIT;
    struct enoki_items *items = NULL;
    struct enoki_expect expect = {sizeof(expect), NULL};
    const void *value = NULL;
    size_t value_len = 0;
    int rc;

    *again_out = false;
    rc = enoki_state_read(state, id, &items, &unread);
    if (rc != 0 && rc != ENOKI_ENOTFOUND)
        return enoki_error_set(err, rc, "%s", unread.message);
    expect.items = items;
    rc = modify(context, items, &value, &value_len, err);
    if (rc == ENOKI_MODIFY_WRITE) {
        rc = enoki_state_update(state, id, value, value_len, &expect, err);
        *again_out = rc == ENOKI_ECONFLICT;
    } else if (rc == ENOKI_MODIFY_REMOVE) {
        rc = items == NULL ? 0 : enoki_state_remove(state, id, &expect, err);
        *again_out = rc == ENOKI_ECONFLICT;
    } else if (rc > 0) {
        rc = enoki_error_set(err, ENOKI_EINVAL, "the modify callback returned '%d'", rc);
    }
    enoki_items_free(items);
    return rc;
}

int enoki_state_modify(struct enoki_state *state, const char *id, enoki_modify_fn modify,
                       void *context, struct enoki_error *err)
{
    const uint64_t begin_ms = en_clock_ms();
    bool again;
    int rc;

    if (enoki_state_kind(state) != ENOKI_KEYGROUP_MUTABLE)
        return enoki_error_set(err, ENOKI_EKIND,
                               "keygroup '%s' is append-only: use append, nothing can be changed",
                               enoki_state_keygroup(state));
    do {
        rc = modify_once(state, id, modify, context, &again, err);
        if (!again)
            return rc;
    } while (en_clock_ms() - begin_ms < GIVE_UP_AFTER_MS);
    return enoki_error_set(err, ENOKI_ETIMEOUT,
                           "item '%s' was changed by others for 10 s without a break", id);
}
