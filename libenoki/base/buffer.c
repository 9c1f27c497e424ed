#include "base/buffer.h"

#include "base/checked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int en_buffer_reserve(struct en_buffer *buffer, size_t more)
{
    size_t need, cap;
    char *data;

    if (!en_add_size(buffer->len, more, &need) || need > buffer->max || need == SIZE_MAX)
        return ENOKI_ELIMIT;
    need += 1; /* the NUL */
    if (need <= buffer->cap)
        return 0;

    cap = buffer->cap < 64 ? 64 : buffer->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    data = realloc(buffer->data, cap);
    if (data == NULL)
        return ENOKI_ENOMEM;
    data[buffer->len] = '\0';
    buffer->data = data;
    buffer->cap = cap;
    return 0;
}

int en_buffer_append(struct en_buffer *buffer, const void *bytes, size_t len)
{
    int rc = en_buffer_reserve(buffer, len);

    if (rc != 0)
        return rc;
    if (len > 0)
        memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
    return 0;
}

int en_buffer_append_text(struct en_buffer *buffer, const char *text)
{
    return en_buffer_append(buffer, text, strlen(text));
}

int en_buffer_appendv(struct en_buffer *buffer, const char *format, va_list args)
{
    va_list again;
    int len, rc;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        return ENOKI_EINVAL;
    rc = en_buffer_reserve(buffer, (size_t)len);
    if (rc != 0)
        return rc;
    (void)vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, args);
    buffer->len += (size_t)len;
    return 0;
}

int en_buffer_appendf(struct en_buffer *buffer, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = en_buffer_appendv(buffer, format, args);
    va_end(args);
    return rc;
}

void en_buffer_clear(struct en_buffer *buffer, size_t keep_bytes)
{
    if (buffer->cap > keep_bytes)
        en_buffer_fini(buffer);
    buffer->len = 0;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

void en_buffer_fini(struct en_buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->len = 0;
    buffer->cap = 0;
}
