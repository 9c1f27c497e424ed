/* process_bytes.h - the input of read and write, as the load generators send it: PROCESS-BYTES. */
#ifndef PROCESS_BYTES_H
#define PROCESS_BYTES_H

#include <enoki/function.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS_MAX 100

struct process_bytes {
    char process[PROCESS_MAX + 1];
    size_t bytes;
    char *value; /* that many 'a'; released with free() */
};

/* 1 if body is PROCESS-BYTES and nothing else. */
static inline int process_bytes_parse(struct process_bytes *out, const char *body, size_t body_len)
{
    size_t len = 0;
    char *end;

    out->value = NULL;
    while (len < PROCESS_MAX && isalnum((unsigned char)body[len]))
        len++;
    if (len == 0 || body[len] != '-' || !isdigit((unsigned char)body[len + 1]))
        return 0;
    memcpy(out->process, body, len);
    out->process[len] = '\0';
    out->bytes = strtoul(body + len + 1, &end, 10);
    return end == body + body_len && out->bytes >= 1 && out->bytes <= ENOKI_VALUE_DEFAULT_BYTES;
}

static inline int process_bytes_refuse(struct enoki_call *call, struct enoki_error *err)
{
    int rc = enoki_call_reply_status(call, 400, err);

    return rc != 0 ? rc
                   : enoki_call_replyf(call, err,
                                       "send PROCESS-BYTES: PROCESS is up to %d letters and "
                                       "digits, BYTES a number from 1 to %u\n",
                                       PROCESS_MAX, ENOKI_VALUE_DEFAULT_BYTES);
}

static inline int process_bytes_fill(struct process_bytes *input, struct enoki_error *err)
{
    input->value = malloc(input->bytes);
    if (input->value == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for a value of %zu bytes",
                               input->bytes);
    memset(input->value, 'a', input->bytes);
    return 0;
}

#endif
