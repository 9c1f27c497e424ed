#include <enoki/error.h>

#include <stdarg.h>
#include <stdio.h>

const char *enoki_version(void)
{
    return ENOKI_VERSION;
}

const char *enoki_error_name(int status)
{
    switch (status) {
    case ENOKI_OK:
        return "OK";
#define NAME(name, code, text)                                                                     \
    case ENOKI_##name:                                                                             \
        return #name;
        ENOKI_ERRORS(NAME)
#undef NAME
    default:
        return "EUNKNOWN";
    }
}

const char *enoki_error_text(int status)
{
    switch (status) {
    case ENOKI_OK:
        return "no error";
#define TEXT(name, code, text)                                                                     \
    case ENOKI_##name:                                                                             \
        return text;
        ENOKI_ERRORS(TEXT)
#undef TEXT
    default:
        return "unknown error";
    }
}

int enoki_error_set(struct enoki_error *err, int status, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return status;
    err->status = status;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return status;
}
