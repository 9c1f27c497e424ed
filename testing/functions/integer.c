/*
 * integer - counts calls: one counter per process that calls, kept in the state.
 *
 * Input   PROCESS, letters and digits, or PROCESS-ANYTHING, or nothing (one counter for all)
 * Output  the number of calls so far, this one included
 *
 * Counts exactly, however many workers, runtimes and machines count at the same time: the new value
 * is made inside enoki_state_modify, which writes it only if nobody was faster, and repeats else.
 */
#include <enoki/function.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS_MAX 100

struct count {
    uint64_t value;
    char text[24];
};

static int add_one(void *context, const struct enoki_items *items, const void **value_out,
                   size_t *value_len_out, struct enoki_error *err)
{
    struct count *count = context;

    (void)err;
    /* May run again with newer siblings: start from nothing every time. */
    count->value = 0;
    /* Nodes that counted without seeing each other leave one value each; none of them is smaller
     * than the number it started from, so the largest loses the fewest. */
    for (size_t i = 0; i < enoki_items_count(items); i++) {
        uint64_t seen = strtoull(enoki_items_value(items, i, NULL), NULL, 10);
        if (seen > count->value)
            count->value = seen;
    }
    count->value++;

    *value_len_out = (size_t)snprintf(count->text, sizeof(count->text), "%" PRIu64, count->value);
    *value_out = count->text;
    return ENOKI_MODIFY_WRITE;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    char id[sizeof("counter") + PROCESS_MAX];
    const char *process = enoki_call_body(call, NULL);
    size_t len = 0;
    struct enoki_state *state;
    struct count count;
    int rc;

    (void)instance;
    while (len < PROCESS_MAX && isalnum((unsigned char)process[len]))
        len++;
    if (process[len] != '\0' && process[len] != '-') {
        rc = enoki_call_reply_status(call, 400, err);
        return rc != 0 ? rc
                       : enoki_call_replyf(call, err,
                                           "send PROCESS or PROCESS-ANYTHING, where PROCESS is up "
                                           "to %d letters and digits\n",
                                           PROCESS_MAX);
    }
    snprintf(id, sizeof(id), "counter%.*s", (int)len, process);

    rc = enoki_call_state(call, &state, err);
    if (rc == 0)
        rc = enoki_state_modify(state, id, add_one, &count, err);
    if (rc != 0)
        return rc;
    return enoki_call_replyf(call, err, "%" PRIu64, count.value);
}

ENOKI_FUNCTION(.invoke = invoke);
