/*
 * buffer.h - bytes that grow up to a cap, contiguous, always followed by a NUL.
 *
 * Memory   One heap block; en_buffer_fini() releases it. A buffer of all zeroes but max is empty.
 * Threads  one thread at a time.    Fork  safe.
 */
#ifndef EN_BUFFER_H
#define EN_BUFFER_H

#include <enoki/error.h>

#include <stdarg.h>

struct en_buffer {
    char *data; /* NULL until something was appended */
    size_t len; /* bytes in use, without the NUL */
    size_t cap; /* bytes allocated */
    size_t max; /* len never goes above this: set when the buffer is made */
};

#define EN_BUFFER_INIT(max_bytes)                                                                  \
    {                                                                                              \
        NULL, 0, 0, (max_bytes)                                                                    \
    }

/* Makes room for more bytes behind len. ENOKI_ELIMIT beyond max, ENOKI_ENOMEM. */
ENOKI_MUST_CHECK int en_buffer_reserve(struct en_buffer *buffer, size_t more);
ENOKI_MUST_CHECK int en_buffer_append(struct en_buffer *buffer, const void *bytes, size_t len);
ENOKI_MUST_CHECK int en_buffer_append_text(struct en_buffer *buffer, const char *text);
ENOKI_MUST_CHECK int en_buffer_appendf(struct en_buffer *buffer, const char *format, ...)
    ENOKI_PRINTF(2, 3);
ENOKI_MUST_CHECK int en_buffer_appendv(struct en_buffer *buffer, const char *format, va_list args);

/* Forgets the content, keeps the memory; above keep_bytes of memory that is given back too. */
void en_buffer_clear(struct en_buffer *buffer, size_t keep_bytes);
void en_buffer_fini(struct en_buffer *buffer);

#endif
