/*
 * replication - one shared value: writers set it, readers ask for it (experiment "replication").
 *
 * Input   a value, which is stored; nothing: a question
 * Output  nothing for a write; for a question the value, or "No value yet"
 */
#include <enoki/function.h>

#include <string.h>

#define ID "counter"

static int answer(struct enoki_call *call, struct enoki_state *state, struct enoki_error *err)
{
    static const char none[] = "No value yet";
    struct enoki_items *items = NULL;
    int rc = enoki_state_read(state, ID, &items, err);

    if (rc == ENOKI_ENOTFOUND)
        return enoki_call_reply(call, none, strlen(none), err);
    if (rc != 0)
        return rc;

    /* Nodes that wrote without seeing each other leave several versions. One has to be the answer;
     * that there were more is worth a line in the log. */
    if (enoki_items_count(items) > 1)
        enoki_env_log(enoki_call_env(call), ENOKI_LOG_WARN, "%zu concurrent versions, first taken",
                      enoki_items_count(items));
    size_t len;
    const void *value = enoki_items_value(items, 0, &len);
    rc = enoki_call_reply(call, value, len, err);
    enoki_items_free(items);
    return rc;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len;
    const void *body = enoki_call_body(call, &len);
    struct enoki_state *state;
    int rc = enoki_call_state(call, &state, err);

    (void)instance;
    if (rc != 0)
        return rc;
    if (len == 0)
        return answer(call, state, err);
    return enoki_state_update(state, ID, body, len, NULL, err);
}

ENOKI_FUNCTION(.invoke = invoke);
