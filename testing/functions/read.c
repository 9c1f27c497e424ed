/*
 * read - reads one item per process; writes it where it is missing (experiment "scale").
 *
 * Input   PROCESS-BYTES
 * Output  "read", or "write" when the item had to be made: BYTES times 'a' under data<PROCESS>
 *
 * The data itself never travels to the caller, so that only the way between function and state is
 * measured.
 */
#include "process_bytes.h"

#include <stdio.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t body_len;
    const char *body = enoki_call_body(call, &body_len);
    char id[sizeof("data") + PROCESS_MAX];
    struct enoki_items *items = NULL;
    struct enoki_state *state;
    struct process_bytes input;
    const char *done = "read";
    int rc;

    (void)instance;
    if (!process_bytes_parse(&input, body, body_len))
        return process_bytes_refuse(call, err);
    snprintf(id, sizeof(id), "data%s", input.process);

    rc = enoki_call_state(call, &state, err);
    if (rc != 0)
        return rc;
    rc = enoki_state_read(state, id, &items, err);
    /* Only "not there" means write. Any other error stays an error: a write would hide it. */
    if (rc == ENOKI_ENOTFOUND) {
        done = "write";
        rc = process_bytes_fill(&input, err);
        if (rc == 0)
            rc = enoki_state_update(state, id, input.value, input.bytes, NULL, err);
        free(input.value);
    }
    enoki_items_free(items);
    if (rc != 0)
        return rc;
    return enoki_call_reply(call, done, strlen(done), err);
}

ENOKI_FUNCTION(.invoke = invoke);
