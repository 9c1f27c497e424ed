#include "config/scan.h"

#include <stdbool.h>
#include <string.h>

#define NESTING_MAX 32u

static bool starts(const char *text, size_t len, size_t i, const char *what)
{
    size_t what_len = strlen(what);

    return what_len <= len - i && memcmp(text + i, what, what_len) == 0;
}

/* The last byte of the text in quotes that starts at i. */
static size_t skip_quoted(const char *text, size_t len, size_t i)
{
    for (i++; i < len && text[i] != '"'; i++) {
        if (text[i] == '\\')
            i++;
    }
    return i;
}

/* The last byte of the comment or quoted text that starts at i, or i if none does. */
static size_t skip(const char *text, size_t len, size_t i)
{
    const char *end = NULL;

    if (starts(text, len, i, "#") || starts(text, len, i, "//")) {
        end = memchr(text + i, '\n', len - i);
        i = end == NULL ? len : (size_t)(end - text);
    } else if (starts(text, len, i, "/*")) {
        end = memmem(text + i + 2, len - i - 2, "*/", 2);
        i = end == NULL ? len : (size_t)(end - text) + 1;
    } else if (starts(text, len, i, "\"")) {
        i = skip_quoted(text, len, i);
    }
    return i < len ? i : len - 1;
}

static unsigned count_lines(const char *text, size_t len)
{
    unsigned lines = 1;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

const char *en_scan_config(const char *text, size_t len, unsigned *line_out)
{
    const char *complaint = NULL;
    unsigned depth = 0;
    size_t i = len;

    if (memchr(text, '\0', len) != NULL) {
        complaint = "a NUL byte; allowed: text";
        i = strlen(text);
    }
    for (size_t at = 0; at < len && complaint == NULL; at++) {
        i = at;
        at = skip(text, len, at);
        if (at != i)
            continue;
        if (text[at] == '@')
            complaint = "@include is not supported; allowed: everything in one file";
        else if (strchr("{([", text[at]) != NULL && ++depth > NESTING_MAX)
            complaint = "groups and lists are nested too deep";
        else if (strchr("})]", text[at]) != NULL && depth > 0)
            depth--;
    }
    if (complaint != NULL)
        *line_out = count_lines(text, i);
    return complaint;
}
