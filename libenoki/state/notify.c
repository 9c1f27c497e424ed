#include "state/backend.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_BYTES 1024

void en_notify(const struct en_notify *notify, int level, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;

    if (notify->fn == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    notify->fn(notify->context, level, message);
}
