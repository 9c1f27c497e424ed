/*
 * answer.h - what a called function said: the inside of struct enoki_answer.
 *
 * Memory   One block, with copies of everything.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_ANSWER_H
#define EN_ANSWER_H

#include "wire/message.h"

#include <enoki/invoke.h>

/* Copies; *out is owned by the caller. ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_answer_new(struct enoki_answer **out, int status,
                                   const struct en_header *headers, size_t header_count,
                                   struct en_text body);

#endif
