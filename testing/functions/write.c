/*
 * write - writes a new item with every call (experiment "scale").
 *
 * Input   PROCESS-BYTES
 * Output  the new item's id, 32 hexadecimal digits; its value is BYTES times 'a'
 */
#include "process_bytes.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define RANDOM_BYTES 16

/* 128 random bits: no two workers or nodes ever make the same id, without asking each other. */
static int new_id(char id[2 * RANDOM_BYTES + 1], struct enoki_error *err)
{
    unsigned char random[RANDOM_BYTES];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return enoki_error_set(err, ENOKI_EIO, "no random bytes: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    return 0;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t body_len;
    const char *body = enoki_call_body(call, &body_len);
    char id[2 * RANDOM_BYTES + 1];
    struct enoki_state *state;
    struct process_bytes input;
    int rc;

    (void)instance;
    if (!process_bytes_parse(&input, body, body_len))
        return process_bytes_refuse(call, err);

    rc = enoki_call_state(call, &state, err);
    if (rc == 0)
        rc = new_id(id, err);
    if (rc == 0)
        rc = process_bytes_fill(&input, err);
    if (rc == 0)
        rc = enoki_state_update(state, id, input.value, input.bytes, NULL, err);
    free(input.value);
    if (rc != 0)
        return rc;
    return enoki_call_reply(call, id, sizeof(id) - 1, err);
}

ENOKI_FUNCTION(.invoke = invoke);
