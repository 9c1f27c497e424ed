#include "state/counts.h"
#include "state/fred/fred.h"
#include "state/items.h"
#include "state/relay/relay.h"
#include "state/store/store.h"
#include "state/uri.h"

#include "base/checked.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct enoki_state {
    struct en_counts_stripe *counts; /* NULL: calls are not counted */
    const struct en_backend *backend;
    void *self;
    enum enoki_keygroup_kind kind;
    uint64_t max_value_bytes;
    uint64_t timeout_ms;          /* 0: the backend is local */
    _Atomic uint64_t deadline_ms; /* of the invocation */
    char keygroup[];
};

static const struct en_backend *const backends[] = {&en_store_backend, &en_fred_backend,
                                                    &en_relay_backend};

static const struct en_backend *find_backend(const char *scheme)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
        if (strcmp(backends[i]->scheme, scheme) == 0)
            return backends[i];
    return NULL;
}

/* Options win over the URI, the URI over the defaults. */
static int settle(const struct enoki_state_options *options, const struct en_uri *uri,
                  struct en_backend_settings *settings, struct enoki_error *err)
{
    uint64_t max_value = options->max_value_bytes;

    settings->uri = uri;
    settings->durability = uri->durability != NULL ? uri->durability : "sync";
    settings->keygroup = options->keygroup != NULL ? options->keygroup : uri->keygroup;
    settings->node = options->node != NULL ? options->node : uri->node;
    settings->kind = options->kind;
    settings->must_exist = options->must_exist != 0;
    settings->notify = (struct en_notify){options->log, options->log_context};
    if (settings->node == NULL)
        settings->node = "local";
    if (max_value == 0)
        max_value = uri->max_value_bytes != 0 ? uri->max_value_bytes : ENOKI_VALUE_DEFAULT_BYTES;

    if (settings->keygroup == NULL || !en_is_name(settings->keygroup, strlen(settings->keygroup)))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%.100s' is no keygroup: its name is 1 to 255 letters and digits",
                               settings->keygroup == NULL ? "" : settings->keygroup);
    if (!en_version_is_node(settings->node, strlen(settings->node)))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'%.100s' is no node name: 1 to 255 bytes without '=', ',' and '|'",
                               settings->node);
    if (max_value > ENOKI_VALUE_MAX_BYTES)
        return enoki_error_set(err, ENOKI_EINVAL, "max_value is '%llu': at most %u are possible",
                               (unsigned long long)max_value, ENOKI_VALUE_MAX_BYTES);
    if (settings->kind > ENOKI_KEYGROUP_APPEND)
        return enoki_error_set(err, ENOKI_EINVAL, "'%d' is no kind of keygroup",
                               (int)settings->kind);
    settings->max_value_bytes = max_value;
    return 0;
}

static uint64_t choose_timeout(const struct enoki_state_options *options, const struct en_uri *uri)
{
    if (options->timeout_ms != 0)
        return options->timeout_ms;
    return uri->timeout_ms != 0 ? uri->timeout_ms : EN_URI_TIMEOUT_MS;
}

static int check_kind(const struct en_backend_settings *settings, enum enoki_keygroup_kind kind,
                      struct enoki_error *err)
{
    if (settings->kind == ENOKI_KEYGROUP_ANY || settings->kind == kind)
        return 0;
    return enoki_error_set(
        err, ENOKI_EKIND, "keygroup '%s' exists as %s: open it so, or use another name",
        settings->keygroup, kind == ENOKI_KEYGROUP_APPEND ? "append-only" : "mutable");
}

bool en_state_is_local(const struct enoki_state *state)
{
    return state->backend->is_local;
}

int enoki_state_open(struct enoki_state **out, const struct enoki_state_options *options,
                     struct enoki_error *err)
{
    struct en_backend_settings settings;
    struct en_uri uri = {0};
    struct enoki_state *state = NULL;
    int rc;

    if (options->size < sizeof(*options) || options->uri == NULL)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "the options need a URI: start from ENOKI_STATE_OPTIONS_INIT");
    rc = en_uri_parse(&uri, options->uri, err);
    if (rc != 0)
        return rc;
    rc = settle(options, &uri, &settings, err);
    if (rc != 0)
        goto out;
    state = calloc(1, sizeof(*state) + strlen(settings.keygroup) + 1);
    if (state == NULL) {
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a state handle");
        goto out;
    }
    memcpy(state->keygroup, settings.keygroup, strlen(settings.keygroup) + 1);
    state->max_value_bytes = settings.max_value_bytes;
    state->deadline_ms = UINT64_MAX;
    state->backend = find_backend(uri.scheme);
    if (state->backend == NULL) {
        rc = enoki_error_set(err, ENOKI_EINVAL, "'%.100s' is no state backend: use 'embedded:DIR'",
                             uri.scheme);
        goto out;
    }
    /* What goes through the relay is counted at its other end. */
    if (state->backend != &en_relay_backend)
        state->counts = en_counts_stripe();
    if (!state->backend->is_local)
        state->timeout_ms = choose_timeout(options, &uri);
    rc = state->backend->open(&state->self, &settings, &state->kind, err);
    if (rc == 0)
        rc = check_kind(&settings, state->kind, err);
out:
    en_uri_fini(&uri);
    if (rc == 0)
        *out = state;
    else
        enoki_state_free(state);
    return rc;
}

void enoki_state_free(struct enoki_state *state)
{
    if (state != NULL && state->self != NULL)
        state->backend->close(state->self);
    free(state);
}

void enoki_state_set_deadline(struct enoki_state *state, uint64_t deadline_ms)
{
    atomic_store_explicit(&state->deadline_ms, deadline_ms, memory_order_relaxed);
}

/* When a call that begins now must have ended. */
static uint64_t end_of_call(struct enoki_state *state)
{
    uint64_t own, given;

    if (state->timeout_ms == 0)
        return 0;
    own = en_clock_ms();
    own = state->timeout_ms > UINT64_MAX - own ? UINT64_MAX : own + state->timeout_ms;
    given = atomic_load_explicit(&state->deadline_ms, memory_order_relaxed);
    return own < given ? own : given;
}

enum enoki_keygroup_kind enoki_state_kind(const struct enoki_state *state)
{
    return state->kind;
}

uint64_t enoki_state_max_value(const struct enoki_state *state)
{
    return state->max_value_bytes;
}

const char *enoki_state_keygroup(const struct enoki_state *state)
{
    return state->keygroup;
}

static int check_id(const char *id, struct enoki_error *err)
{
    if (id != NULL && en_is_name(id, strnlen(id, ENOKI_NAME_MAX + 1)))
        return 0;
    return enoki_error_set(err, ENOKI_EINVAL, "'%.100s' is no id: 1 to 255 letters and digits",
                           id == NULL ? "" : id);
}

static int check_value(const struct enoki_state *state, const void *value, size_t len,
                       struct enoki_error *err)
{
    if (value == NULL || len == 0)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "an empty value cannot be stored: remove the item instead");
    if (len > state->max_value_bytes)
        return enoki_error_set(err, ENOKI_ELIMIT,
                               "a value of %zu bytes is too long: max_value is '%llu'", len,
                               (unsigned long long)state->max_value_bytes);
    return 0;
}

static int check_is(const struct enoki_state *state, enum enoki_keygroup_kind kind,
                    struct enoki_error *err)
{
    if (state->kind == kind)
        return 0;
    return enoki_error_set(err, ENOKI_EKIND,
                           kind == ENOKI_KEYGROUP_APPEND
                               ? "keygroup '%s' is mutable: use update instead of append"
                               : "keygroup '%s' is append-only: use append, nothing can be changed",
                           state->keygroup);
}

int enoki_state_read(struct enoki_state *state, const char *id, struct enoki_items **out,
                     struct enoki_error *err)
{
    int rc = check_id(id, err);

    if (rc == 0)
        rc = state->backend->read(state->self, end_of_call(state), id, out, err);
    return en_counts_add(state->counts, EN_COUNT_READ, rc);
}

static int scan(struct enoki_state *state, const char *start, uint64_t count, bool with_values,
                struct enoki_items **out, struct enoki_error *err)
{
    int rc = start == NULL ? 0 : check_id(start, err);

    if (rc != 0)
        return rc;
    if (count == 0)
        return enoki_error_set(err, ENOKI_EINVAL, "a scan of '0' items: ask for 1 at least");
    if (count > ENOKI_SCAN_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT,
                               "a scan of '%llu' items: at most %u are possible in one call",
                               (unsigned long long)count, ENOKI_SCAN_MAX);
    rc = state->backend->scan(state->self, end_of_call(state), start, count, with_values, out, err);
    return en_counts_add(state->counts, with_values ? EN_COUNT_SCAN : EN_COUNT_KEYS, rc);
}

int enoki_state_scan(struct enoki_state *state, const char *start, uint64_t count,
                     struct enoki_items **out, struct enoki_error *err)
{
    return scan(state, start, count, true, out, err);
}

int enoki_state_keys(struct enoki_state *state, const char *start, uint64_t count,
                     struct enoki_items **out, struct enoki_error *err)
{
    return scan(state, start, count, false, out, err);
}

int enoki_state_update(struct enoki_state *state, const char *id, const void *value,
                       size_t value_len, const struct enoki_expect *expect, struct enoki_error *err)
{
    const struct en_backend_write write = {id, value, value_len, expect};
    int rc = check_is(state, ENOKI_KEYGROUP_MUTABLE, err);

    if (rc == 0)
        rc = check_id(id, err);
    if (rc == 0)
        rc = check_value(state, value, value_len, err);
    if (rc == 0)
        rc = state->backend->write(state->self, end_of_call(state), &write, err);
    return en_counts_add(state->counts, EN_COUNT_UPDATE, rc);
}

int enoki_state_remove(struct enoki_state *state, const char *id, const struct enoki_expect *expect,
                       struct enoki_error *err)
{
    const struct en_backend_write write = {id, NULL, 0, expect};
    int rc = check_is(state, ENOKI_KEYGROUP_MUTABLE, err);

    if (rc == 0)
        rc = check_id(id, err);
    if (rc == 0)
        rc = state->backend->write(state->self, end_of_call(state), &write, err);
    return en_counts_add(state->counts, EN_COUNT_REMOVE, rc);
}

int enoki_state_append(struct enoki_state *state, const void *value, size_t value_len,
                       char id_out[ENOKI_APPEND_ID_BYTES], struct enoki_error *err)
{
    int rc = check_is(state, ENOKI_KEYGROUP_APPEND, err);

    if (rc == 0)
        rc = check_value(state, value, value_len, err);
    if (rc == 0)
        rc = state->backend->append(state->self, end_of_call(state), value, value_len, id_out, err);
    return en_counts_add(state->counts, EN_COUNT_APPEND, rc);
}

int enoki_state_import(struct enoki_state *state, const char *id,
                       const struct enoki_version *version, const void *value, size_t value_len,
                       struct enoki_error *err)
{
    int rc = check_id(id, err);

    if (rc == 0 && value != NULL)
        rc = check_value(state, value, value_len, err);
    if (rc == 0 && state->kind == ENOKI_KEYGROUP_MUTABLE && enoki_version_count(version) == 0)
        rc = enoki_error_set(err, ENOKI_EINVAL,
                             "item '%s' has an empty version: only append-only items may", id);
    if (rc != 0)
        return rc;
    return state->backend->import(state->self, end_of_call(state), id, version, value,
                                  value == NULL ? 0 : value_len, err);
}
