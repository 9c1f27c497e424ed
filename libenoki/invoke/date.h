/*
 * date.h - the Date header's text, made anew once a second.
 *
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_DATE_H
#define EN_DATE_H

#include "wire/http_writer.h"

#include <stdint.h>

/* All zeroes: not made yet. */
struct en_date {
    uint64_t until_ms; /* text is right until then */
    char text[EN_HTTP_DATE_BYTES];
};

/* now_ms: monotonic. Borrowed until the next call. */
const char *en_date_text(struct en_date *date, uint64_t now_ms);

#endif
