#include "config/scan.h"

#include <stdbool.h>
#include <string.h>

#define NESTING_MAX 32u

/* The end of a comment or text that starts at i, or i if none does: the last byte that belongs to
 * it. */
static size_t skip(const char *text, size_t len, size_t i)
{
    if (text[i] == '#' || (text[i] == '/' && i + 1 < len && text[i + 1] == '/')) {
        while (i + 1 < len && text[i + 1] != '\n')
            i++;
    } else if (text[i] == '/' && i + 1 < len && text[i + 1] == '*') {
        i += 2;
        while (i + 1 < len && !(text[i] == '*' && text[i + 1] == '/'))
            i++;
        i++;
    } else if (text[i] == '"') {
        for (i++; i < len && text[i] != '"'; i++) {
            if (text[i] == '\\')
                i++;
        }
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
